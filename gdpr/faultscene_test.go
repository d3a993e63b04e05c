package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

// scene is an operation, and where it begins.
type scene struct {
	name string
	// before brings a filled world to where the operation begins.
	before func(w *world)
	// prepare returns the operation.
	prepare func(w *world) func() error
	// done demands what holds whenever the operation says that it is done. w0 is the world in which it began.
	done func(w, w0 *world)
	// onward demands that everything that may follow goes well; it may change w. w0 is the filled world. Nil if the operation changes nothing.
	onward func(w, w0 *world)
	// repeated is what a repetition may return where the operation was done and did not know it.
	repeated error
	// event is told of each of so many messages, at the latest by the repetition.
	event  voicemail.EventKind
	events int
	// local: it needs the master region only, and no other one may keep it from being done.
	local bool
	// accepted: unless all regions are up, nothing is done.
	accepted bool
	// lasts are kinds of names that a failure may leave until another operation takes them away.
	lasts string
}

const (
	visible    = 5 // messages of the caller that agents see
	covered    = 6 // with the one that waits for the master region
	bystanding = 4 // messages of the bystander, with the one that waits
)

func scenes() []scene {
	forget := func(w *world) { w.forgetMe() }
	return []scene{
		{name: "Forget", prepare: forgetting, done: isForgotten, onward: undoneOrErased, event: voicemail.EventRestricted, events: visible, accepted: true},
		{
			name: "ForgetAgain", prepare: forgetting, done: isForgotten, onward: undoneOrErased, event: voicemail.EventRestricted, events: visible, accepted: true,
			before: func(w *world) { w.forgetMe(); w.undoForgetMe(); w.pass(time.Hour) },
		},
		{name: "ForgetRepeated", prepare: forgetting, done: isForgotten, onward: undoneOrErased, before: func(w *world) { w.forgetMe(); w.pass(time.Hour) }, accepted: true},
		{name: "Undo", before: forget, prepare: undoing, done: isUndone, onward: forgottenAndErased, event: voicemail.EventUnrestricted, events: visible, accepted: true, lasts: "gdpr/due/"},
		{name: "Preview", prepare: previewing, done: nothingChanged},
		{name: "Export", prepare: exporting, done: nothingChanged, accepted: true},
		{name: "ExportOfTheForgotten", before: forget, prepare: exporting, done: nothingChanged, accepted: true},
		{name: "Hold", prepare: holding, done: isHeld, onward: holdsLeaveNothing, event: voicemail.EventHeld, events: 1, local: true},
		{name: "HoldOfTheForgotten", before: forget, prepare: holding, done: isHeld, onward: undoneOrErased, event: voicemail.EventHeld, events: 1, local: true},
		{name: "Release", prepare: releasing, done: isReleased, onward: undoneOrErased, repeated: gdpr.ErrNoHold, event: voicemail.EventReleased, events: 1, local: true},
		{
			name: "ReleaseOfTheForgotten", before: forget, prepare: releasing, done: isReleased, onward: undoneOrErased, repeated: gdpr.ErrNoHold,
			event: voicemail.EventReleased, events: 1, local: true,
		},
		{name: "SweepNothing", before: forget, prepare: sweeping, done: nothingChanged, local: true},
		{name: "SweepThatErases", before: due, prepare: sweeping, done: isErased, onward: closes},
		{name: "SweepWithAHold", before: func(w *world) { w.forgetMe(); w.pass(gdpr.DefaultWindow) }, prepare: sweeping, done: isKept, onward: closes, lasts: "04-0.gone-"},
		{
			name: "SweepTooEarlyForAReceipt", prepare: sweeping, done: nothingChanged, local: true,
			before: func(w *world) { due(w); w.sweep(); w.pass(gdpr.Settle / 2) },
		},
		{
			name: "SweepThatWritesTheReceipt", prepare: sweeping, done: isClosed, onward: func(w, _ *world) { w.pass(time.Hour); isClosed(w, nil) },
			before: func(w *world) { due(w); w.sweep(); w.pass(gdpr.Settle) }, event: voicemail.EventErased, events: covered,
		},
		{name: "SweepThatFinishesAnUndo", before: halfUndone, prepare: sweeping, done: isUndone, onward: forgottenAndErased, event: voicemail.EventUnrestricted, events: visible},
		{name: "SweepThatGivesAForgetUp", before: halfForgotten, prepare: sweeping, done: isUndone, onward: forgottenAndErased, local: true},
		{name: "Sync", prepare: syncing, done: isSynced, onward: func(w, _ *world) { undoneOrErased(w, w.clone(w.T)) }, event: voicemail.EventSynced, events: 2},
		{
			name: "SyncOfTheForgotten", before: forget, prepare: syncing, done: func(w, w0 *world) { isSynced(w, w0); isForgotten(w, w0) },
			onward: func(w, w0 *world) { w0 = w0.clone(w.T); require.NoError(w, syncing(w0)()); undoneOrErased(w, w0) },
		},
		{name: "SyncOfWhatIsBeingErased", before: halfErased, prepare: syncing, done: isSynced, onward: closes},
	}
}

func forgetting(w *world) func() error {
	return func() error { _, err := w.gdpr.ForgetMe(context.Background(), request()); return err }
}

func undoing(w *world) func() error {
	return func() error { _, err := w.gdpr.UndoForgetMe(context.Background(), request()); return err }
}

func sweeping(w *world) func() error {
	return func() error { _, err := w.gdpr.Sweep(context.Background()); return err }
}

// syncing fails also if a deposit is kept.
func syncing(w *world) func() error {
	return func() error {
		r, err := w.svc.Sync(context.Background())
		for _, k := range r.Kept {
			err = errors.Join(err, k.Err)
		}
		return err
	}
}

func previewing(w *world) func() error {
	return func() error {
		r, err := w.gdpr.Preview(context.Background(), request())
		if err == nil {
			require.Len(w, r.Phones[0].Messages, covered)
			require.Equal(w, 1, r.Foreign)
		}
		return err
	}
}

func holding(w *world) func() error {
	return func() error {
		_, err := w.gdpr.Hold(context.Background(), gdpr.Hold{Mailbox: "5001", Message: idStem + "000000000001", Reason: "a court", Actor: "legal"})
		return err
	}
}

func releasing(w *world) func() error {
	holds, err := w.gdpr.Holds(context.Background())
	require.NoError(w, err)
	require.Len(w, holds, 1)
	return func() error { return w.gdpr.Release(context.Background(), holds[0].ID) }
}

// exporting fails also if a message is reported as not whole.
func exporting(w *world) func() error {
	return func() error {
		sink := memorySink{}
		r, err := w.gdpr.ExportMe(context.Background(), request(), sink)
		if err != nil {
			require.NotContains(w, sink, "output.json", "an export that failed looks complete")
			return err
		}
		require.Contains(w, sink, "output.json")
		said := 0
		for name, body := range sink {
			if strings.Contains(body, "spoken by") {
				said++
				require.Contains(w, []int{100, 104, 108, 96, 92}, len(body), "a part of a recording is taken for the whole: %s", name)
				require.Contains(w, body, "spoken by alice")
			}
		}
		require.Equal(w, r.Files, said)
		whole := r.Files
		var errs []error
		for _, p := range r.Problems {
			errs = append(errs, p.Err)
			if _, said := sink[string(p.Message)]; said { // its parts are missing
				whole--
			}
		}
		require.Equal(w, covered+1, whole+len(r.Problems), "a message is neither there nor reported")
		return errors.Join(errs...)
	}
}

// memorySink keeps the files that were committed.
type memorySink map[string]string

type memoryFile struct {
	strings.Builder
	sink memorySink
	name string
}

func (s memorySink) Create(name string, _ time.Time) (gdpr.File, error) {
	if _, ok := s[name]; ok {
		return nil, fs.ErrExist
	}
	return &memoryFile{sink: s, name: name}, nil
}

func (memorySink) Close() error     { return nil }
func (f *memoryFile) Commit() error { f.sink[f.name] = f.String(); return nil }
func (f *memoryFile) Abort() error  { return nil }

// due is a world in which the forget of the caller is due, and nothing is held.
func due(w *world) {
	w.forgetMe()
	w.releaseAll()
	w.pass(gdpr.DefaultWindow)
}

// halfUndone is a world in which the undo is recorded and was not carried out, a day ago.
func halfUndone(w *world) {
	w.forgetMe()
	w.faults["eu"].Set(faultstore.Fault{Op: faultstore.Delete, Times: faultstore.Always})
	_, err := w.gdpr.UndoForgetMe(context.Background(), request())
	require.ErrorIs(w, err, faultstore.ErrInjected)
	w.calm()
	require.Zero(w, w.said("alice"))
	w.pass(24 * time.Hour)
}

// halfErased is a world in which the erasure is decided, and nothing could be erased where the deposits wait.
func halfErased(w *world) {
	due(w)
	w.faults["us"].Set(faultstore.Fault{Times: faultstore.Always})
	_, err := w.gdpr.Sweep(context.Background())
	require.ErrorIs(w, err, faultstore.ErrInjected)
	w.calm()
	require.Equal(w, 2, w.waiting(""))
}

// halfForgotten is a world in which the forget is recorded, and nobody wrote who is meant, a day ago.
func halfForgotten(w *world) {
	w.faults["eu"].Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/gdpr/subject/", Times: faultstore.Always})
	_, err := w.gdpr.ForgetMe(context.Background(), request())
	require.ErrorIs(w, err, faultstore.ErrInjected)
	w.calm()
	require.Equal(w, visible, w.said("alice"))
	w.pass(24 * time.Hour)
}

// unharmed demands what always holds: the others have all their messages, and a receipt means that nothing is left.
func (w *world) unharmed() {
	w.Helper()
	bob, waiting := w.said("bob"), w.waiting("9") // one that came in waits until its record goes
	require.True(w, bob == bystanding || bob == bystanding-1 && waiting == 1, "messages of another caller are lost or doubled: %d, and %d wait", bob, waiting)
	receipts := w.receipts()
	require.LessOrEqual(w, len(receipts), 1)
	if len(receipts) > 0 || w.state() == gdpr.StateClosed {
		require.Empty(w, w.withoutRecords(), "a receipt says that these are erased")
	}
	if s := w.state(); s == gdpr.StateErased {
		require.Empty(w, w.withoutRecords(), "these are said to be erased")
	}
}

// waiting counts the deposits that wait for the master region and whose ID ends so.
func (w *world) waiting(last string) int {
	w.Helper()
	n := 0
	for name := range w.everything()["us"] {
		if strings.HasPrefix(name, "v1/default/pending/") && strings.HasSuffix(name, last) {
			n++
		}
	}
	return n
}

// withoutRecords are the traces of the caller but for the records of an open case.
func (w *world) withoutRecords() []string {
	return slices.DeleteFunc(w.traces(), func(name string) bool {
		return strings.HasPrefix(name, "eu v1/default/gdpr/subject/") || strings.HasPrefix(name, "eu v1/default/gdpr/journal/")
	})
}

// state is that of the case, empty if there is none.
func (w *world) state() gdpr.State {
	w.Helper()
	s, err := w.gdpr.Status(context.Background(), caseID)
	if errors.Is(err, gdpr.ErrNoCase) {
		return ""
	}
	require.NoError(w, err)
	return s.State
}

func isForgotten(w, _ *world) {
	w.Helper()
	require.Zero(w, w.said("alice"), "a message can still be seen")
	require.Equal(w, gdpr.StateRestricted, w.state())
	restricted := 0
	for name := range w.everything()["eu"] {
		if strings.Contains(name, ".forget-") {
			restricted++
		}
	}
	require.Equal(w, covered, restricted, "one mark each, on the deposit that waits too")
}

func isUndone(w, _ *world) {
	w.Helper()
	require.Equal(w, covered, w.said("alice")+w.waiting("8"))
	require.Equal(w, gdpr.StateUndone, w.state())
	for region, names := range w.everything() {
		for name := range names {
			for _, kind := range []string{".forget-", "gdpr/subject/", "gdpr/journal/", ".gone-"} {
				require.NotContains(w, name, kind, region)
			}
		}
	}
}

func nothingChanged(w, w0 *world) {
	w.Helper()
	require.Equal(w, w0.everything(), w.everything())
}

// isHeld demands that the message is held by a hold that can be found.
func isHeld(w, _ *world) {
	w.Helper()
	holds, err := w.gdpr.Holds(context.Background())
	require.NoError(w, err)
	marked := 0
	for _, h := range holds {
		key := fmt.Sprintf("v1/default/box/%s/%s-0.hold-%s", h.Mailbox, h.Message, h.ID)
		there, err := storage.Exists(context.Background(), w.raw["eu"], key)
		require.NoError(w, err)
		if there && strings.HasSuffix(string(h.Message), "01") {
			marked++
		}
	}
	require.Positive(w, marked)
	require.Equal(w, marked+1, w.marks(".hold-"), "a hold that nobody finds can never be released")
}

// marks counts the marks of a kind.
func (w *world) marks(kind string) int {
	w.Helper()
	n := 0
	for name := range w.everything()["eu"] {
		if strings.Contains(name, kind) {
			n++
		}
	}
	return n
}

func isReleased(w, _ *world) {
	w.Helper()
	holds, err := w.gdpr.Holds(context.Background())
	require.NoError(w, err)
	require.Empty(w, holds)
	require.Zero(w, w.marks(".hold-"))
}

func isSynced(w, _ *world) {
	w.Helper()
	require.Zero(w, w.waiting(""), "a deposit still waits")
	require.Equal(w, bystanding, w.said("bob"))
	if w.state() == "" {
		require.Equal(w, covered, w.said("alice"))
	} else {
		require.Zero(w, w.said("alice"), "a forgotten message came into its mailbox in sight of all")
	}
}

func isErased(w, _ *world) {
	w.Helper()
	require.Equal(w, gdpr.StateErased, w.state())
	require.Empty(w, w.withoutRecords())
}

// isKept demands that all but the held message is erased, and the case open.
func isKept(w, _ *world) {
	w.Helper()
	require.Equal(w, gdpr.StateErasing, w.state())
	for _, name := range w.withoutRecords() {
		require.Contains(w, name, idStem+"000000000004", "something is left that is not held")
	}
	require.Contains(w, strings.Join(w.traces(), " "), "ap v1/default/media/5001/"+idStem+"000000000004", "what is held was erased")
}

func isClosed(w, _ *world) {
	w.Helper()
	require.Equal(w, gdpr.StateClosed, w.state())
	require.Empty(w, w.traces())
	receipts := w.receipts()
	require.Len(w, receipts, 1)
	require.Len(w, receipts[0].Messages, covered)
	require.Equal(w, 1, receipts[0].Foreign)
	for _, kind := range []string{"gdpr/due/", "gdpr/subject/", "gdpr/journal/", ".forget-", ".hold-"} {
		require.Zero(w, w.marks(kind), kind)
	}
	require.Zero(w, w.said("alice"))
	w.unharmed()
}

// undoneOrErased demands that a forget can be undone exactly, and that the caller can be erased.
func undoneOrErased(w, w0 *world) {
	w.Helper()
	undone := w.clone(w.T)
	undone.forgetMe()
	undone.undoForgetMe()
	isUndone(undone, nil)
	asItWas(undone, w0)
	forgottenAndErased(w, w0)
}

// asItWas demands that nothing differs from the world w0 but what is recorded of the case, at the latest when it would have been due. Holds are nobody's concern here.
func asItWas(w, w0 *world) {
	w.Helper()
	w, w0 = w.clone(w.T), w0.clone(w.T)
	w.pass(24 * time.Hour)
	w.sweep()
	w.releaseAll()
	w0.releaseAll()
	require.Equal(w, without(w0.everything(), "gdpr/case/"), without(w.everything(), "gdpr/case/"))
}

func holdsLeaveNothing(w, w0 *world) {
	w.Helper()
	asItWas(w, w0)
	undoneOrErased(w, w0)
}

func forgottenAndErased(w, w0 *world) {
	w.Helper()
	if w.state() != gdpr.StateRestricted || w.names("gdpr/due/") == 0 {
		asItWas(w, w0)
	}
	w.forgetMe()
	isForgotten(w, nil)
	w.pass(24 * time.Hour)
	closes(w, w0)
}

// closes demands that the sweeps to come close the case.
func closes(w, _ *world) {
	w.Helper()
	w.releaseAll()
	w.sweep()
	isErased(w, nil)
	w.pass(gdpr.Settle)
	w.sweep()
	isClosed(w, nil)
}
