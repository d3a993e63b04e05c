// Package watch wraps stores, mailboxes and messages so that somebody is told when each call begins and how it ends. Packages metrics and tracing
// stand on it.
//
// A wrapper changes nothing of what it wraps: the same results, the same errors, the same capabilities (see [storage.As]).
package watch

import (
	"context"
	"iter"

	"github.com/genesys/voicemail"
)

// Call is a call that begins. It holds no name of an object, and nothing that a caller of the library could have put in.
type Call struct {
	// Name is the operation: one of those of this package for a Store, otherwise the type and the method, as in "Mailbox.Deposit".
	Name string
	// Message is the message of a Message's method.
	Message voicemail.MessageID
}

// Func is told that a call begins. The context goes on to the call; end is called once with its error when it is over. Both must be safe for concurrent use.
type Func func(ctx context.Context, c Call) (next context.Context, end func(error))

// begin tells w of a call. The end is for defer, which sees a named result.
func (w Func) begin(ctx context.Context, c Call) (context.Context, func(*error)) {
	ctx, end := w(ctx, c)
	return ctx, func(err *error) { end(*err) }
}

// Do calls f, which is a call of its own.
func Do(ctx context.Context, w Func, name string, f func(context.Context) error) (err error) {
	ctx, end := w.begin(ctx, Call{Name: name})
	defer end(&err)
	return f(ctx)
}

// sequence is seq as one call, which begins and ends with each walk over it. Its error is the last that is yielded.
func sequence[T any](ctx context.Context, w Func, c Call, seq func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last error
		ctx, end := w.begin(ctx, c)
		defer end(&last)
		for v, err := range seq(ctx) {
			if err != nil {
				last = err
			}
			if !yield(v, err) {
				return
			}
		}
	}
}
