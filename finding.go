package voicemail

import "fmt"

// FindingKind says what is damaged. What a kind means to an operator, and what Repair does about it, stands in docs/repair.md.
type FindingKind string

// What Check finds. Repair mends what has one right answer, and puts a message of which something is damaged into quarantine.
const (
	// Of messages.

	// FoundAudioMissing: the recording is not there. Repair: quarantine.
	FoundAudioMissing FindingKind = "audio-missing"
	// FoundAudioLength: the recording is shorter or longer than what was deposited. Repair: quarantine.
	FoundAudioLength FindingKind = "audio-length"
	// FoundAudioAltered: the recording is as long as what was deposited, and not the same. Only AudioDigest finds it. Repair: quarantine.
	FoundAudioAltered FindingKind = "audio-altered"
	// FoundMetadataUnreadable: what is known of the message cannot be read. Repair: quarantine.
	FoundMetadataUnreadable FindingKind = "metadata-unreadable"
	// FoundMetadataForeign: it says that it is of another message or mailbox. Repair: quarantine.
	FoundMetadataForeign FindingKind = "metadata-foreign"
	// FoundRestrictionLost: a forget request restricts the message, and there is no record of it, or it was closed without this message: nobody will undo or erase
	// it. Repair: quarantine; the restriction stays.
	FoundRestrictionLost FindingKind = "restriction-lost"
	// FoundEntryMissing: the message is not in the caller index, so neither a search nor a forget request finds it. Repair: indexed, under every form of its caller.
	FoundEntryMissing FindingKind = "entry-missing"
	// FoundMoveInterrupted: a move was begun hours ago and not ended; the message may be seen in both mailboxes. Repair: finished.
	FoundMoveInterrupted FindingKind = "move-interrupted"
	// FoundQuarantined: the message is in quarantine. Only CheckOptions.Quarantined asks for it. Repair: nothing.
	FoundQuarantined FindingKind = "quarantined"

	// Of what belongs to no message.

	// FoundDeletionInterrupted: a deletion was begun hours ago and not ended. Repair: finished.
	FoundDeletionInterrupted FindingKind = "deletion-interrupted"
	// FoundStrayMarks: state of a message that is not there. Repair: removed.
	FoundStrayMarks FindingKind = "stray-marks"
	// FoundEntryOrphaned: an entry of the caller index leads to no message. Repair: removed.
	FoundEntryOrphaned FindingKind = "entry-orphaned"
	// FoundEntryMisleading: an entry of the caller index leads to a message of another caller, which a forget request would cover. Repair: removed.
	FoundEntryMisleading FindingKind = "entry-misleading"
	// FoundAudioOrphaned: a recording of no message, or with AudioDigest a second one beside that of a message. Repair: removed; a second one only if the message's own is whole.
	FoundAudioOrphaned FindingKind = "audio-orphaned"
	// FoundPartOrphaned: a part of no message. Repair: removed.
	FoundPartOrphaned FindingKind = "part-orphaned"
	// FoundPendingDamaged: a deposit that waits for Sync whose record or recording is damaged. It makes every forget request fail until somebody removes it. Repair: nothing.
	FoundPendingDamaged FindingKind = "pending-damaged"

	// Of mailboxes.

	// FoundSettingsUnreadable: the latest settings of a mailbox, or of the tenant if Mailbox is empty, cannot be read. Repair: the latest that can be are written again; if there are
	// none, a mailbox is as in FoundSettingsMissing, and the tenant has the defaults, by which nothing goes.
	FoundSettingsUnreadable FindingKind = "settings-unreadable"
	// FoundSettingsMissing: there are messages and no settings. Repair: the mailbox is made again, disabled and without an owner.
	FoundSettingsMissing FindingKind = "settings-missing"
	// FoundOwnerMissing: the mailbox is not found by its owner. Repair: it is.
	FoundOwnerMissing FindingKind = "owner-missing"
	// FoundOwnerStale: an owner's entry for a mailbox that is another's by now. Repair: removed.
	FoundOwnerStale FindingKind = "owner-stale"
)

// Action is what Repair did about a finding. The zero value is nothing.
type Action string

// What Repair does.
const (
	// ActionNone: Check does nothing, and Repair not where it could not, or where somebody has to decide.
	ActionNone Action = ""
	// ActionRemoved: what belongs to nothing is gone.
	ActionRemoved Action = "removed"
	// ActionRestored: what was missing is there again.
	ActionRestored Action = "restored"
	// ActionFinished: what was interrupted was carried out.
	ActionFinished Action = "finished"
	// ActionQuarantined: the message is in quarantine, see [Service.ReleaseFromQuarantine].
	ActionQuarantined Action = "quarantined"
)

// Finding is something that is not as it should be. It names nothing personal.
type Finding struct {
	Kind FindingKind
	// Mailbox and Message say of what; either may be empty.
	Mailbox MailboxID
	Message MessageID
	// Region is where the audio or the pending deposit lies; empty if the finding is of neither.
	Region string
	// Action is what Repair did.
	Action Action
	// Err is what is wrong with it, if there is more to say than Kind, and why Repair could not mend it, if it could not.
	Err error
}

// String returns the finding in one line.
func (f Finding) String() string {
	s := string(f.Kind)
	for _, part := range []struct{ name, value string }{
		{"mailbox", string(f.Mailbox)}, {"message", string(f.Message)}, {"region", f.Region}, {"action", string(f.Action)},
	} {
		if part.value != "" {
			s += fmt.Sprintf(" %s=%q", part.name, part.value)
		}
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}
