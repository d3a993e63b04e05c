package mwi

// Counts is what is in a mailbox. The urgent messages are a part of the new and of the old ones.
type Counts struct {
	New, Old, NewUrgent, OldUrgent int
}
