// Package gdpr answers the requests of callers whose voicemail is stored: Export Me, Forget Me and Undo Forget Me, by caller ID (ANI), on every
// storage and in all regions.
//
// # What happens to a forgotten caller
//
// [Controller.ForgetMe] restricts at once: from then on no agent lists, counts, plays, forwards, copies, moves or marks a message of the caller through the
// library, and message-waiting counts are right without any update. Nothing is deleted yet. Until [Options.Window] has passed, [Controller.UndoForgetMe]
// brings everything back exactly as it was. Then [Controller.Sweep] decides, erases in every region, looks again independently, and writes a [Receipt] that
// names message IDs, counts, regions and times, and nothing that leads to the caller.
//
// The promise is a deadline: all is erased no later than [Options.Promise] after acceptance. It is recorded once, with the acceptance; nothing that
// anybody does moves it. [New] refuses a window and a schedule that cannot keep it.
//
// # A case
//
// A request has a case ID that people chose. A case is a log of names that are created once: whoever creates an entry first has decided, and everybody else
// follows. So any step can be killed and run again by anyone, also by two at once. A case that was undone can be forgotten again.
//
//	                          +-- undo ------------------------------> undone (may be forgotten again)
//	forget -> restricted -----+
//	                          +-- erase -> erased -> verified -> closed, with a receipt
//
// # Matching
//
// Only phone numbers are matched, as voicemail.ParseCallerID and voicemail.Options.Normalize understand them; names and e-mail addresses of a request are
// ignored (genesys voicemail, "Export Me and Forget Me requests depend only on Caller ID/ANI"). Withheld callers match nothing.
//
// # Errors
//
// Every error is, or wraps, one of the sentinels of this package, of package voicemail or of package storage. No error text holds a number.
package gdpr
