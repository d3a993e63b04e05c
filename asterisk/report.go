package asterisk

import "github.com/genesys/voicemail"

// Report says what became of everything that was found in a spool. It holds no caller's number and no caller's name.
type Report struct {
	// Imported, Present, Skipped and Failed count the items of each outcome.
	Imported int `json:"imported"`
	Present  int `json:"present"`
	Skipped  int `json:"skipped"`
	Failed   int `json:"failed"`
	// Items are all that was found, in the order of the spool: every message, every greeting, and whatever else was not touched.
	Items []Item `json:"items"`
}

// Item is one thing that was found in a spool.
type Item struct {
	// Context, Mailbox and Folder are the directories that it is in. Those below it are empty for what is said of a whole one.
	Context string `json:"context,omitempty"`
	Mailbox string `json:"mailbox,omitempty"`
	Folder  string `json:"folder,omitempty"`
	// Name is that of its files without the ending: msg0000, unavail. It is empty for what is said of a whole directory.
	Name string `json:"name,omitempty"`

	Outcome Outcome `json:"outcome"`
	// Reason says why it was not imported; empty if it was, or was before.
	Reason Reason `json:"reason,omitempty"`
	// Detail is for people: the text of the error, if there was one.
	Detail string `json:"detail,omitempty"`

	// To is the mailbox that it belongs to, Message the message that it is; empty as far as that was not found out.
	To      voicemail.MailboxID `json:"to,omitempty"`
	Message voicemail.MessageID `json:"message,omitempty"`
}

// Outcome says what became of an item.
type Outcome string

// What becomes of an item.
const (
	// Imported: it was brought in by this run. A message that is being forgotten is said to be that, and stays forgotten.
	Imported Outcome = "imported"
	// Present: it is in its mailbox already, by an earlier run or as a duplicate in the spool.
	Present Outcome = "present"
	// Skipped: it is not to be imported, or not now.
	Skipped Outcome = "skipped"
	// Failed: it could not be imported, and somebody should look at it.
	Failed Outcome = "failed"
)

// Reason says why an item was not imported.
type Reason string

// Why an item was skipped.
const (
	// Gone: it was imported, and was deleted, erased or moved since.
	Gone Reason = "gone"
	// Unmapped: Options.Mailbox or Options.Folder does not want it.
	Unmapped Reason = "unmapped"
	// InProgress: it is being written, or its files changed while they were read. The next run takes it.
	InProgress Reason = "in-progress"
	// NotRegular: it is a symbolic link, a device or the like. Links are not followed, wherever they lead.
	NotRegular Reason = "not-a-regular-file"
	// Superseded: it is a greeting, and another one was set in its mailbox, or the one there deleted, after it was written.
	Superseded Reason = "superseded"
	// IsSecret: it holds a PIN in clear text, and was not read.
	IsSecret Reason = "secret"
	// Foreign: these are files that belong to no message.
	Foreign Reason = "foreign"
)

// Why an item failed.
const (
	// NoRecording: there is a text file and no recording.
	NoRecording Reason = "no-recording"
	// NoText: there is a recording and no text file, so nobody knows whose it is.
	NoText Reason = "no-text"
	// UnknownFormat: there are recordings, and none is of Options.Formats.
	UnknownFormat Reason = "unknown-format"
	// Empty: the recording has no bytes.
	Empty Reason = "empty"
	// BadText: the text file is none of a message.
	BadText Reason = "bad-text"
	// BadTime: nothing tells when it came in, or that is in the future.
	BadTime Reason = "bad-time"
	// Unreadable: the disk or the file system refused to read it.
	Unreadable Reason = "unreadable"
	// TooLarge: the recording is longer than the limits allow, or the text file than a text file is.
	TooLarge Reason = "too-large"
	// TooManyFiles: the directory has more than Options.MaxFiles, and was left out.
	TooManyFiles Reason = "too-many-files"
	// NoMailbox: there is no such mailbox, and no Options.Create.
	NoMailbox Reason = "no-mailbox"
	// MailboxFull and MailboxDisabled: the mailbox takes nothing.
	MailboxFull     Reason = "mailbox-full"
	MailboxDisabled Reason = "mailbox-disabled"
	// Invalid: the library cannot store it: the mailbox's ID or the caller's identity is too long.
	Invalid Reason = "invalid"
	// Conflict: there is another message under its ID, or a run was cut off at it more than 12 hours ago: what that left,
	// voicemail.Service.Maintain takes away when it is a day old, and then the next run imports it.
	Conflict Reason = "conflict"
	// Damaged: it was imported, and what is stored of it is damaged.
	Damaged Reason = "damaged"
	// Refused: Options.Greeting returned an error.
	Refused Reason = "refused"
	// Storage: the storage failed. That ends the import.
	Storage Reason = "storage"
)

func (r *Report) add(it Item) {
	switch it.Outcome {
	case Imported:
		r.Imported++
	case Present:
		r.Present++
	case Skipped:
		r.Skipped++
	case Failed:
		r.Failed++
	}
	r.Items = append(r.Items, it)
}
