package menu

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzNoKeyLosesAMessage(f *testing.F) {
	const alphabet = "0123456789*#tpbrh"
	for _, sc := range scenes() {
		var seed []byte
		for _, e := range sc.script {
			seed = append(seed, byte(strings.IndexRune(alphabet, e)))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, keys []byte) {
		if len(keys) > 200 {
			keys = keys[:200]
		}
		w := newWorld(t)
		for i, b := range keys {
			if b >= 128 && i == 0 {
				w.press(login)
			}
			in := Input{Event: Event(alphabet[int(b)%len(alphabet)]), At: time.Duration(b>>5) * 3 * time.Second}
			before := w.s.State()
			require.NoError(t, w.step(in))
			if w.s.mustChange {
				require.Contains(t, []State{NewPIN, RepeatPIN, Over}, w.s.State(), "the PIN is changed before anything else")
			}
			if before == AskMailbox {
				require.Contains(t, []State{AskMailbox, AskPIN, Over}, w.s.State(), "nobody is let in without a PIN")
			}
		}
		purged := 0
		for _, s := range w.steps {
			k, _ := w.s.menu[s.from].on(s.on)
			require.Contains(t, k.to, s.to, "from %s by %c", s.from, s.on)
			if s.from == Purge && s.on == '1' {
				purged++
			}
		}
		lost := 0
		for _, state := range w.messages() {
			if state == "gone" {
				lost++
			}
		}
		require.LessOrEqual(t, lost, purged, "only deleting for good does")
		require.Equal(t, 1, w.count("5003"))
	})
}
