// Package access keeps the PINs of mailboxes: it sets them, verifies what a caller typed, and locks a mailbox after too many failures.
//
//	door, err := access.New(svc, nil)
//	err = door.Set(ctx, "5001", pin, &access.SetOptions{MustChange: true}) // an administrator
//	result, err := door.Verify(ctx, "5001", typed)                         // whoever called
//	err = door.Change(ctx, "5001", typed, chosen)
//
// It says who may come in, not what they may do then: a [voicemail.Mailbox] is a handle and asks for no PIN. Which number is called to get here (the access
// number, 5555 in the documented product) and by which a caller opts out of leaving a message are the tenant's settings and the application's dial plan.
//
// # What is stored
//
// Of a PIN the library stores an argon2id hash (RFC 9106) with a salt of its own, in the master region, and nothing else: no PIN is in a name, a log, an error or an
// event, and [PIN] prints as REDACTED. A PIN of four digits has ten thousand values, so who can read the storage finds it from its hash in minutes, whatever the
// parameters are. The hash keeps it from being read at a glance and from being seen in a backup; the storage's permissions keep it from attackers. What holds off
// those who call in is the bound on tries.
//
// # Tries
//
// Of one PIN no more than [Options].Attempts tries get an answer; then the mailbox is locked for [Options].Lock, in which no try gets one, not even the right
// PIN. That holds whatever number of processes verify at the same time and wherever they crash: a try is a name that is created once, before the PIN is compared.
// One that was cut off counts as a failure. The right PIN, a new PIN and [Access].Unlock begin the count anew. All processes should have the same Options.
//
// The lock is timed by two clocks, that of the storage and that of the host which made the last try: the later of the two times counts that is not in the future. So
// it takes two wrong clocks to end a lock early, and none makes it last for ever; hosts should agree within a minute or so all the same.
//
// Whoever can call can lock a mailbox by failing on purpose. That is the price of a bound; its owner waits, or an administrator unlocks it.
//
// # Mailboxes that do not exist
//
// Verify and Change are asked by strangers: of a mailbox that does not exist they say [ErrWrongPIN], after a hash that takes as long as any. They create nothing for
// it, so it is never locked: who tries long enough, or measures well enough, can tell. The other methods are an administrator's, and say voicemail.ErrNoMailbox.
//
// A mailbox that was deleted takes its PIN along: one that is created again under its ID has none.
package access
