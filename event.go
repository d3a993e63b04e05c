package voicemail

import "time"

// EventKind says what happened.
type EventKind string

// What can happen. A kind names the change, in the past.
const (
	EventMailboxCreated  EventKind = "mailbox-created"
	EventMailboxDeleted  EventKind = "mailbox-deleted"
	EventSettingsChanged EventKind = "settings-changed"
	EventTenantChanged   EventKind = "tenant-changed" // the tenant's settings; Mailbox is empty
	EventGreetingSet     EventKind = "greeting-set"   // or an earlier one was restored
	EventGreetingDeleted EventKind = "greeting-deleted"
	EventDeposited       EventKind = "deposited"
	EventPending         EventKind = "pending" // deposited while the master region could not be reached: its mailbox has not changed yet
	EventSynced          EventKind = "synced"  // a pending deposit came into its mailbox
	EventCopied          EventKind = "copied"  // Mailbox is where the copy is; From is where it came from
	EventMoved           EventKind = "moved"   // Mailbox is where the message is now; From is where it was: two mailboxes changed
	EventRead            EventKind = "read"
	EventUnread          EventKind = "unread"
	EventUrgent          EventKind = "urgent"
	EventNotUrgent       EventKind = "not-urgent"
	EventExpirySet       EventKind = "expiry-set"
	EventPartAdded       EventKind = "part-added" // a transcript, note, comment or rendition is there
	EventTrashed         EventKind = "trashed"
	EventRestored        EventKind = "restored"
	EventDeleted         EventKind = "deleted"
	EventExpired         EventKind = "expired"       // deleted since its time had come
	EventDropped         EventKind = "dropped"       // deleted since the mailbox was full, see DropOldestRead
	EventRestricted      EventKind = "restricted"    // its caller asked to be forgotten: agents see it no more
	EventUnrestricted    EventKind = "unrestricted"  // that was undone: it is as it was
	EventErased          EventKind = "erased"        // it was restricted, and now nothing of it is left
	EventQuarantined     EventKind = "quarantined"   // it was found damaged: agents see it no more
	EventUnquarantined   EventKind = "unquarantined" // that was taken back
	EventHeld            EventKind = "held"
	EventReleased        EventKind = "released"
	EventPINSet          EventKind = "pin-set"      // by an administrator or by who knew the old one; see package access
	EventPINCleared      EventKind = "pin-cleared"  // the mailbox has the default PIN, or none
	EventPINLocked       EventKind = "pin-locked"   // after too many wrong PINs
	EventPINUnlocked     EventKind = "pin-unlocked" // by an administrator, before its time
)

// Event tells of a change that this process made. It is sent after the change can be seen by everybody, so whoever counts or lists on it sees
// the change. A change that may have been made although the storage failed is told of too: who counts anew for nothing loses nothing. Events of other
// processes are not seen here; package mwi has ways for both.
type Event struct {
	Kind    EventKind
	Tenant  string
	Mailbox MailboxID
	// From is the other mailbox of a copy or a move.
	From MailboxID
	// Message is empty for changes of the mailbox itself.
	Message MessageID
	// At is when the change was made, by Options.Now.
	At time.Time
}

func (s *Service) emit(kind EventKind, mailbox MailboxID, message MessageID, from MailboxID) {
	if s.opts.Observer == nil {
		return
	}
	s.opts.Observer(Event{Kind: kind, Tenant: s.opts.Tenant, Mailbox: mailbox, From: from, Message: message, At: s.opts.Now()})
}
