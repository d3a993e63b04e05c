// Package mwi tells telephones and desktops what waits in a mailbox: the message-waiting indication.
//
// A [Summary] is what they are told. Its text form is the body that SIP carries for it, application/simple-message-summary of RFC 3842;
// a [DesktopEvent] is the form that the agent desktop takes.
//
// [ReadBoard] answers what waits for a user now, in their own mailboxes and in those of their groups. A [Publisher] tells it from now on:
//
//	publisher := mwi.NewPublisher(nil)
//	svc, err := voicemail.Open(ctx, regions, &voicemail.Options{Observer: publisher.Observe})
//	publisher.Start(svc)
//	cancel, err := publisher.Subscribe("5001", notifier)
//
// # What a subscriber can rely on
//
// A subscription is of one mailbox. Its [Notifier] is told the current state first, and then every change of it:
//
//   - The state is counted from the store, one listing each, after Subscribe or after the change. Nothing is added up from events, so
//     an event that is lost, comes twice or comes late does no harm once another one comes.
//   - A state is told once. Nobody is told a state that they know.
//   - Of many changes in a short time only some are told, and the last one always is. See Options.Gap.
//   - A state is never told after a newer one.
//   - If counting fails nobody is told anything, and it is tried again, later each time, until it succeeds. So is a Notify that fails; what is told
//     then is the state of that time.
//   - A Notifier that is slow or fails keeps no other subscription waiting.
//   - A mailbox that does not exist (any more) is told as Gone, with counts of zero.
//
// A group's mailbox has one state, which all its subscribers share. A message that one member hears is old for all of them.
//
// # Changes that other processes make
//
// A Publisher knows by itself of the changes that its own process makes. Others become known in one of two ways. Where there is a bus,
// the application sends the events of one process to the others, which give them to [Publisher.Observe]; after a gap in the bus, [Publisher.Recount] makes
// good what was missed. Where there is none, [Publisher.Watch] looks at the store.
//
// # The price of Watch
//
// Watch makes one listing of each subscribed mailbox in each interval: one request where a mailbox has no more names than a page of the storage holds (1,000 on
// S3, 5,000 on Azure; a message has one name and one for each mark). An interval is on average a tenth shorter than WatchOptions.Interval, since each is shortened by a random part of up to
// a fifth. A month of 30 days has 43,200 minutes, so 1,000 mailboxes in which nothing happens cost, in one process,
//
//	Interval      requests a month
//	30 s          1,000 × 86,400 / 0.9 = 96 million
//	1 min         1,000 × 43,200 / 0.9 = 48 million (the default)
//	5 min         1,000 ×  8,640 / 0.9 = 9.6 million
//	10 min        1,000 ×  4,320 / 0.9 = 4.8 million
//
// and up to two more for each change that is seen, with the default of WatchOptions.Busy. Every process that watches pays it anew for the mailboxes
// that it has subscriptions of. In money: S3 states a price for 1,000 requests of the class that has PUT and LIST, so the default costs 48,000 times that price; Azure
// states one for 10,000 list operations, so it costs 4,800 times that one. A volume has no price but the load: at the default, 19 directory listings a second.
package mwi
