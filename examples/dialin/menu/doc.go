// Package menu is the telephone menu behind the access number, 5555 in the documented product, as a state machine that knows no telephone: keys come in, prompts and
// recordings go out.
//
//	call := menu.New(svc, door, nil)
//	reply := call.Start()
//	for !reply.End {
//		reply, err = call.Step(ctx, perform(reply)) // say, play or record, wait; what came of it is the next input; err is for the operator
//	}
//
// # What a platform does
//
// It performs each [Reply] in the order of its fields: it says the prompts, plays or records, then waits for a key, and ends the call if End is set. A key cuts off what is said and played. Whatever
// happens first is the next [Input]: a key, Played when the recording has ended, Recorded when the caller has, TimeOut after Wait, HangUp. Prompts are names with parameters, for a
// platform with recordings of its own; [Prompt.Text] is the English that a speech synthesizer says.
//
// # The keys
//
// One table says which key does what in which state; [Keys] returns it. The menu acts by it, announces by it, and its tests walk every way of it. * goes back everywhere, 0 repeats
// what can be done, # ends what is typed or said. Three bad or missing keys in a row end the call, and so do three wrong PINs (Options.Tries).
//
// # What happens to messages
//
// A new message that was played to its end is marked as read: it is among the saved ones then, where 2 makes it new again. 3 puts a message into the trash, where 2 restores it. Only 3 in the trash,
// confirmed, deletes it for good. A call that ends at any point loses nothing but what was not kept or sent.
package menu
