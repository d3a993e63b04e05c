// Package voicemail stores voicemail and answers data-protection requests about it.
//
// A [Service] is the voicemail of one tenant. It has mailboxes, personal and group ones ([Mailbox]), and they have messages ([Message]). It keeps
// everything in a [Store]: a directory on a volume that many pods mount (package storage/pvstore), a container of Azure Blob Storage (storage/blobstore), a bucket of
// S3 (storage/s3store), or memory (storage/memstore, for tests). How calls come in and how users are told is the application's; package mwi says what waits, package gdpr answers
// data-protection requests, package access checks PINs.
//
// # Guarantees
//
// Everything stored is an immutable object, and the state of a mailbox is the set of the names below its prefix. There is no index document, no counter and no
// lock. So:
//
//   - A message whose [Mailbox.Deposit] has returned is durable, counted by the next [Mailbox.Counts], and found by the next
//     [Service.FindByCaller]. One whose Deposit failed left nothing to be seen and gives the recording back ([DepositError]).
//   - Any number of processes on any number of hosts work on the same store without losing each other's changes.
//   - Counts are one function of one listing. An error is an error, never a zero.
//   - What is deleted does not come back, and leaves no byte of the recording and no trace of the caller.
//   - No caller's number stands in a name, an error, or an event. [CallerID] prints as REDACTED.
//
// What is not guaranteed: quotas can be exceeded by deposits that run at the same time, and a mailbox that drops read messages for new ones
// is over its quota until they are gone; a message that is being moved is seen in both mailboxes for
// a moment; a mark set on a message while it is being moved may stay behind. Calls on one message are linearizable otherwise, and counts of one page are a
// snapshot; of a listing that takes several pages, each one says how things were when it was read.
//
// # Time
//
// Operations commit within an hour of their beginning or fail, and [Service.Maintain] takes nothing for garbage that is younger than a day, by the storage's clock.
// So the clocks of hosts and storage may differ by hours, but not by a day.
//
// # Errors
//
// Errors are an [*Error] with the operation, the mailbox and the message; errors.Is tells the sentinels of this package and of package storage.
package voicemail
