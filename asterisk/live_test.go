package asterisk_test

import (
	"bytes"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage/memstore"
)

// A server and its users go on while the old spool is imported again and again.
func TestAMessageThatTheServerFiledAnewIsTheSame(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(s *spool)
	}{
		{"the user listened to it", func(s *spool) { s.rename("default/8000/INBOX/msg0000", "default/8000/Old/msg0000") }},
		{"a gap before it was closed", func(s *spool) { s.rename("default/8000/INBOX/msg0001", "default/8000/INBOX/msg0000") }},
		{"the server gave it a msg_id, and an urgent flag", func(s *spool) {
			s.put("default/8000/INBOX/msg0001.txt", envelope(2, "5551002", "msg_id=9-9", "flag=Urgent"))
		}},
		{"it was copied to another disk", func(s *spool) { s.touch("default/8000/INBOX/msg0001.wav", time.Now()) }},
	} {
		s := newSpool(t)
		if !strings.Contains(tt.why, "gap") {
			s.message("default/8000/INBOX/msg0000", 1, "5551001")
		}
		s.message("default/8000/INBOX/msg0001", 2, "5551002")
		svc := service(t, memstore.New(nil))
		imported(t, s, svc, creating())
		before := reveal(t, svc)
		tt.change(s)
		r := imported(t, s, svc, creating())
		assert.Zero(t, r.Imported, tt.why)
		assert.Equal(t, before, reveal(t, svc), tt.why)
	}
}

func TestWhatIsBeingWrittenIsTakenByTheNextRun(t *testing.T) {
	whole := envelope(1, "5551001")
	for _, tt := range []struct {
		why       string
		text, wav []byte
	}{
		{"the text is not there yet", nil, wav("x")},
		{"the recording is not there yet", whole, nil},
		{"the text has no bytes yet", []byte{}, wav("x")},
		{"the recording has no bytes yet", whole, []byte{}},
		{"the text has no time yet", whole[:bytes.Index(whole, []byte("origtime="))+12], wav("x")},
	} {
		s := newSpool(t)
		now := time.Now()
		for ext, content := range map[string][]byte{"txt": tt.text, "wav": tt.wav} {
			if content != nil {
				s.put("default/8000/INBOX/msg0000."+ext, content)
				s.touch("default/8000/INBOX/msg0000."+ext, now)
			}
		}
		svc := service(t, memstore.New(nil))
		r := imported(t, s, svc, creating())
		require.Equal(t, []string{"default/8000/INBOX/msg0000 skipped in-progress"}, outcomes(r), tt.why)

		later := creating()
		later.Now = func() time.Time { return now.Add(time.Hour) }
		r = imported(t, s, service(t, memstore.New(nil)), later)
		require.NotEqual(t, asterisk.InProgress, r.Items[0].Reason, "%s: it never will be", tt.why)

		s.put("default/8000/INBOX/msg0000.txt", whole)
		s.put("default/8000/INBOX/msg0000.wav", wav("x"))
		r = imported(t, s, svc, creating())
		require.Equal(t, []string{"default/8000/INBOX/msg0000 imported"}, outcomes(r), tt.why)
	}
}

// live is a spool whose server goes on: it takes each step before the open of a file that the step is set for.
type live struct {
	fs.FS
	steps []func()
	at    []int // the opens, in ascending order
	opens int
}

func (l *live) Open(name string) (fs.File, error) {
	for l.opens++; len(l.at) > 0 && l.at[0] <= l.opens; l.at = l.at[1:] {
		l.steps[len(l.steps)-len(l.at)]()
	}
	return l.FS.Open(name)
}

// ascending yields all ways to choose n numbers from first to last, each not less than the one before.
func ascending(n, first, last int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		if n == 0 {
			yield(nil)
			return
		}
		for i := first; i <= last; i++ {
			for rest := range ascending(n-1, i, last) {
				if !yield(append([]int{i}, rest...)) {
					return
				}
			}
		}
	}
}

// The server closes gaps by giving files the names of others, so at no moment may a text be taken for that of another recording.
func TestARecordingNeverGetsTheTextOfAnother(t *testing.T) {
	const inbox = "default/8000/INBOX/"
	do := func(s *spool, steps ...string) (all []func()) {
		for _, step := range steps {
			verb, ext, _ := strings.Cut(step, " ")
			from, to := filepath.Join(s.dir, inbox, "msg0001"+ext), filepath.Join(s.dir, inbox, "msg0000"+ext)
			all = append(all, func() {
				switch verb {
				case "lock":
					require.NoError(t, os.WriteFile(filepath.Join(s.dir, inbox, ext), nil, 0o644))
				case "unlock":
					require.NoError(t, os.Remove(filepath.Join(s.dir, inbox, ext)))
				case "remove":
					require.NoError(t, os.Remove(to))
				case "rename":
					require.NoError(t, os.Rename(from, to))
				}
			})
		}
		return all
	}
	for _, steps := range [][]string{
		{"remove .wav", "remove .txt", "rename .wav", "rename .txt"},
		{"lock .lock", "rename .wav", "rename .txt", "unlock .lock"},
		{"lock lock", "rename .wav", "rename .txt", "unlock lock"},
	} {
		for at := range ascending(len(steps), 5, 10) { // all those of the first message, behind those of directories
			s := newSpool(t)
			s.message(inbox+"msg0000", 1, "5551001")
			s.message(inbox+"msg0001", 2, "5551002")
			first, second := wav(inbox+"msg0000"), wav(inbox+"msg0001")
			svc := service(t, memstore.New(nil))
			spool := &live{FS: os.DirFS(s.dir), steps: do(s, steps...), at: slices.Clone(at)}
			_, err := asterisk.Import(t.Context(), spool, svc, creating())
			require.NoError(t, err)
			for _, step := range spool.steps[len(steps)-len(spool.at):] {
				step()
			}
			r := imported(t, s, svc, creating())
			require.Equal(t, 1, r.Imported+r.Present, "%v at %v: %v", steps, at, outcomes(r))
			_, err = svc.Mailbox("8000").Message(t.Context(), r.Items[0].Message)
			require.NoError(t, err)
			for msg, err := range svc.Mailbox("8000").Messages(t.Context(), nil) {
				require.NoError(t, err)
				want := first
				if msg.Envelope().Caller.Reveal() == "5551002" {
					want = second
				}
				require.Equal(t, want, content(t, msg), "%v at %v: the recording of another caller", steps, at)
			}
		}
	}
}
