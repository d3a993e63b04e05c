package pvstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// disturbance is a fake of a failing file system: the driver's file operations go through it.
type disturbance struct {
	steps []string // what was done
	// at and fails choose what happens to the step of that index: nothing if fails is nil.
	at    int
	after bool // the step has its effect all the same
	fails error
}

func (d *disturbance) do(step, _ string, f func() error) error {
	i := len(d.steps)
	d.steps = append(d.steps, step)
	f = unlessSync(step, f)
	if d.fails == nil || i != d.at {
		return f()
	}
	if d.after {
		if err := f(); err != nil {
			return err
		}
	}
	return d.fails
}

// unlessSync is f, or nothing if f waits for the disk, which no test could see and thousands of steps would feel.
func unlessSync(step string, f func() error) func() error {
	if strings.HasPrefix(step, "fsync") {
		return func() error { return nil }
	}
	return f
}

// disturbed returns a store whose file operations go through f.
func disturbed(t testing.TB, dir string, f func(step, name string, do func() error) error) *Store {
	t.Helper()
	s := open(t, dir, nil)
	s.disturb = f
	return s
}

var published = []string{"unlink temp", "fsync folder"} // the steps that come after an object has its name

func TestCreatePutsBytesOnDiskBeforeTheNameAndTheNameBeforeTheReply(t *testing.T) {
	file := []string{"create", "write", "fsync", "close", "link", "count links", "unlink temp", "fsync folder"}
	mark := []string{"create", "fsync", "close", "fsync folder"}
	for _, row := range []struct {
		key, body string
		want      []string
		why       string
	}{
		{"v1/box/a", "x", slices.Concat([]string{"mkdir", "fsync folder", "mkdir", "fsync folder", "open folder"}, file), "new folders are on disk too"},
		{"v1/box/b", "x", slices.Concat([]string{"open folder"}, file), "known folders cost nothing"},
		{"v1/box/c", "", slices.Concat([]string{"open folder"}, mark), "an empty object is one exclusive open"},
		{"v1/media/a", "x", slices.Concat([]string{"mkdir", "fsync folder", "open folder"}, file), "only what is new"},
		{"top", "", mark, "the root needs no folder"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := open(t, volume(t), nil)
			if row.key != "v1/box/a" && row.key != "top" {
				put(t, s, "v1/box/first", "")
			}
			var d disturbance
			s.disturb = d.do
			put(t, s, row.key, row.body)
			steps := slices.Compact(slices.DeleteFunc(d.steps, func(s string) bool { return s == "stat root" })) // a count may be asked for twice
			assert.Equal(t, row.want, steps)
		})
	}
}

// TestACreateThatMeetsAnErrorChangedNothingOrMadeItAll fails each file operation of a Create, before and after its effect.
func TestACreateThatMeetsAnErrorChangedNothingOrMadeItAll(t *testing.T) {
	for _, body := range []string{"", "the bytes of a message"} {
		var trace disturbance
		put(t, disturbed(t, volume(t), trace.do), "v1/box/a", body)
		for at, step := range trace.steps {
			for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EACCES, syscall.EROFS} {
				for _, after := range []bool{false, true} {
					why := fmt.Sprintf("%q: %v at step %d (%s), after its effect: %v", body, no, at, step, after)
					dir := volume(t)
					d := disturbance{at: at, after: after, fails: no}
					s := disturbed(t, dir, d.do)
					_, err := s.Create(t.Context(), "v1/box/a", strings.NewReader(body), nil)
					s.disturb = nil

					got, readErr := storage.ReadFile(t.Context(), s, "v1/box/a", 1<<20)
					if readErr == nil {
						require.Equal(t, body, string(got), why)
					} else {
						require.ErrorIs(t, readErr, storage.ErrNotExist, why)
						require.Error(t, err, why)
					}
					switch {
					case err == nil:
					case no == syscall.EACCES || no == syscall.EROFS:
						require.True(t, errors.Is(err, storage.ErrPermission) || errors.Is(err, storage.ErrUnavailable) && readErr == nil, "%s: %v", why, err)
					default:
						require.ErrorIs(t, err, storage.ErrUnavailable, why)
					}
					if err != nil {
						require.NotContains(t, err.Error(), "v1", why)
						require.NotContains(t, err.Error(), dir, why)
						var e *storage.Error
						require.ErrorAs(t, err, &e, why)
						require.Equal(t, "v1/box/a", e.Key, why)
					}
					if no == syscall.ESTALE && !slices.Contains(published, step) && (body != "" || step == "open folder" || step == "mkdir" || step == "stat root") {
						require.NoError(t, err, "a stale handle is looked up anew: "+why)
					}
					if step == "link" && after {
						require.NoError(t, err, "the reply was lost, the link is there: "+why)
					}
					if step != "unlink temp" {
						require.Empty(t, hidden(t, dir), why)
					}
					_, err = s.Create(t.Context(), "v1/box/a", strings.NewReader(body), nil)
					if readErr == nil {
						require.ErrorIs(t, err, storage.ErrExists, why)
					} else {
						require.NoError(t, err, why)
					}
				}
			}
		}
	}
}

func TestALostReplyOfLinkIsNoConflictWithOneself(t *testing.T) {
	s := open(t, volume(t), nil)
	put(t, s, "taken", "theirs")
	s.disturb = func(step, _ string, f func() error) error {
		err := f()
		if step == "link" {
			return syscall.EEXIST
		}
		return err
	}
	_, err := s.Create(t.Context(), "mine", strings.NewReader("x"), nil)
	require.NoError(t, err)
	_, err = s.Create(t.Context(), "taken", strings.NewReader("x"), nil)
	require.ErrorIs(t, err, storage.ErrExists)

	s.disturb = func(step, _ string, f func() error) error {
		if step == "link" && f() != nil {
			return syscall.EPERM // what some volumes tell the loser of a race
		} else if step == "link" {
			return nil
		}
		return f()
	}
	_, err = s.Create(t.Context(), "taken", strings.NewReader("x"), nil)
	require.ErrorIs(t, err, storage.ErrExists)
}

func TestALinkThatWasNotMadeIsNotBelieved(t *testing.T) {
	dir := volume(t)
	s := disturbed(t, dir, func(step, _ string, f func() error) error {
		if step == "link" {
			return nil
		}
		return f()
	})
	_, err := s.Create(t.Context(), "a", strings.NewReader("x"), nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	assert.Empty(t, keysOf(t, s, nil))
	assert.Empty(t, hidden(t, dir))
}

func TestDeleteFsyncsEachFolderOnce(t *testing.T) {
	s := open(t, volume(t), nil)
	put(t, s, "box/a", "x")
	put(t, s, "box/b", "")
	put(t, s, "media/c", "x")
	s.nature = instant
	var d disturbance
	s.disturb = d.do
	require.NoError(t, s.Delete(t.Context(), "box/a", "media/c", "box/b", "box/gone", "nowhere/d"))
	steps := slices.DeleteFunc(d.steps, func(s string) bool { return s == "stat root" || s == "stat" || s == "open folder" })
	assert.Equal(t, []string{"read folder", "unlink", "unlink", "fsync folder", "read folder", "unlink", "fsync folder"}, steps)
}

func TestADeleteDuringACreateNeverPublishesItsTemporaryFile(t *testing.T) {
	for _, row := range []struct {
		why           string
		before, after bool
		says          error
		want          error
	}{
		{"the temporary file is gone before the link", true, false, nil, storage.ErrUnavailable},
		{"created, then deleted", false, true, nil, nil},
		{"created, deleted, and the reply lost", false, true, syscall.EEXIST, storage.ErrUnavailable},
	} {
		t.Run(row.why, func(t *testing.T) {
			dir := volume(t)
			other := open(t, dir, nil)
			s := disturbed(t, dir, func(step, _ string, f func() error) error {
				if step == "link" && row.before {
					require.NoError(t, other.Delete(context.Background(), "v1/a"))
				}
				err := f()
				if step == "link" && row.after {
					require.NoError(t, err)
					require.NoError(t, other.Delete(context.Background(), "v1/a"))
					err = row.says
				}
				return err
			})
			_, err := s.Create(t.Context(), "v1/a", strings.NewReader("x"), nil)
			require.ErrorIs(t, err, row.want)
			require.NotErrorIs(t, err, storage.ErrNotExist)
			assert.Empty(t, keysOf(t, other, nil))
			assert.Empty(t, hidden(t, dir))
		})
	}
}

// TestADeleteThatMeetsAnErrorNamesWhatMayBeLeft fails each file operation of a Delete, before and after its effect.
func TestADeleteThatMeetsAnErrorNamesWhatMayBeLeft(t *testing.T) {
	keys := []string{"v1/box/a", "v1/box/b", "v1/media/c", "absent/d"}
	fill := func(dir string) *Store {
		s := open(t, dir, nil)
		for _, key := range keys[:3] {
			put(t, s, key, "x")
			temp := filepath.Join(dir, filepath.Dir(key), tempName(filepath.Base(key)))
			require.NoError(t, os.WriteFile(temp, []byte("x"), 0o600))
		}
		return s
	}
	var trace disturbance
	s := fill(volume(t))
	s.disturb = trace.do
	require.NoError(t, s.Delete(t.Context(), keys...))
	for at, step := range trace.steps {
		for _, no := range []syscall.Errno{syscall.EIO, syscall.ESTALE, syscall.EPERM} {
			for _, after := range []bool{false, true} {
				why := fmt.Sprintf("%v at step %d (%s), after its effect: %v", no, at, step, after)
				dir := volume(t)
				s := fill(dir)
				d := disturbance{at: at, after: after, fails: no}
				s.disturb = d.do
				err := s.Delete(t.Context(), keys...)
				s.disturb = nil
				if no == syscall.ESTALE {
					require.NoError(t, err, why)
				}
				if step == "fsync folder" && no != syscall.ESTALE {
					require.Error(t, err, why)
				}
				failed := storage.FailedKeys(err)
				if err != nil {
					require.NotEmpty(t, failed, why)
					require.NotErrorIs(t, err, storage.ErrNotExist, why)
				}
				for _, key := range keysOf(t, s, nil) {
					require.Contains(t, failed, key, why)
				}
				for _, name := range hidden(t, dir) {
					target, _ := tempTarget(name)
					require.True(t, slices.ContainsFunc(failed, func(key string) bool { return filepath.Base(key) == target }), why)
				}
				require.NoError(t, s.Delete(t.Context(), keys...), why)
				require.Empty(t, keysOf(t, s, nil), why)
				require.Empty(t, hidden(t, dir), why)
			}
		}
	}
}

// TestNoErrorOfAReadIsTakenForAbsence fails each file operation of the calls that read.
func TestNoErrorOfAReadIsTakenForAbsence(t *testing.T) {
	s := open(t, volume(t), nil)
	put(t, s, "v1/box/a", "x")
	put(t, s, "v1/media/b", "x")
	calls := map[string]func() error{
		"stat": func() error { _, err := s.Stat(t.Context(), "v1/box/a"); return err },
		"open": func() error { _, err := storage.ReadFile(t.Context(), s, "v1/box/a", 10); return err },
		"list": func() error {
			page, err := s.List(t.Context(), nil)
			if err == nil {
				require.Len(t, page.Objects, 2)
			}
			return err
		},
		"list prefixes": func() error {
			page, err := s.List(t.Context(), &storage.ListOptions{Delimiter: "/", Prefix: "v1/"})
			if err == nil {
				require.Equal(t, []string{"v1/box/", "v1/media/"}, page.Prefixes)
			}
			return err
		},
	}
	for _, n := range []nature{instant, distant} {
		s.nature = n
		for name, call := range calls {
			var trace disturbance
			s.disturb = trace.do
			require.NoError(t, call())
			for at, step := range trace.steps {
				for no, want := range map[syscall.Errno]error{
					syscall.ESTALE: nil, syscall.EIO: storage.ErrUnavailable, syscall.EMFILE: storage.ErrUnavailable, syscall.EACCES: storage.ErrPermission,
				} {
					d := disturbance{at: at, fails: no}
					s.disturb = d.do
					require.ErrorIs(t, call(), want, "%s: %v at step %d (%s), nature %d", name, no, at, step, n)
				}
			}
			s.disturb = nil
		}
	}
}

func TestAStaleHandleThatStaysIsUnavailable(t *testing.T) {
	tries := 0
	s := disturbed(t, volume(t), func(step, _ string, f func() error) error {
		if step == "stat" {
			tries++
			return syscall.ESTALE
		}
		return f()
	})
	_, err := s.Stat(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrUnavailable)
	assert.Equal(t, 5, tries)
}

func TestALookupFromACacheIsNotBelieved(t *testing.T) {
	dir := volume(t)
	put(t, open(t, dir, nil), "v1/box/a", "x")
	for _, step := range []string{"stat", "open", "open folder"} {
		for _, lies := range []int{1, 1000} {
			why := fmt.Sprintf("%s lies %d times", step, lies)
			left := lies
			s := disturbed(t, dir, func(st, _ string, f func() error) error {
				if st == step && left > 0 {
					left--
					return syscall.ENOENT
				}
				return f()
			})
			s.nature = distant
			o, err := s.Open(t.Context(), "v1/box/a", nil)
			if lies == 1 {
				require.NoError(t, err, why)
				require.NoError(t, o.Close())
			} else {
				require.ErrorIs(t, err, storage.ErrUnavailable, why)
				require.NotErrorIs(t, err, storage.ErrNotExist, why)
			}
			_, err = s.Stat(t.Context(), "v1/box/b")
			require.Error(t, err)
			_, err = s.Stat(t.Context(), "v2/box/b")
			require.Error(t, err)
		}
	}
	s := open(t, dir, nil)
	s.nature = distant
	for _, key := range []string{"v1/box/b", "v1/b", "v2/box/b", "b", "v1/box/a/b"} {
		_, err := s.Stat(t.Context(), key)
		require.ErrorIs(t, err, storage.ErrNotExist, key)
	}
}

func TestADistantFolderIsReadUntilTwoReadsAreEqual(t *testing.T) {
	dir := volume(t)
	other := open(t, dir, nil)
	put(t, other, "box/0", "")
	for _, row := range []struct{ changes, reads int }{{0, 2}, {1, 3}, {5, 7}} {
		reads := 0
		s := disturbed(t, dir, func(step, _ string, f func() error) error {
			err := f()
			if step == "read folder" {
				if reads++; reads <= row.changes {
					put(t, other, fmt.Sprintf("box/%d-%d", row.changes, reads), "")
				}
			}
			return err
		})
		s.nature = distant
		page, err := s.List(t.Context(), &storage.ListOptions{Prefix: "box/"})
		require.NoError(t, err)
		assert.Equal(t, row.reads, reads)
		assert.Len(t, page.Objects, len(keysOf(t, other, nil)), "what was created while reading is seen")
	}

	n := 0
	s := disturbed(t, dir, func(step, _ string, f func() error) error {
		if step == "read folder" {
			n++
			put(t, other, fmt.Sprintf("box/new-%d", n), "")
		}
		return f()
	})
	s.nature = distant
	_, err := s.List(t.Context(), &storage.ListOptions{Prefix: "box/"})
	require.ErrorIs(t, err, storage.ErrUnavailable, "a folder that never holds still")
}

func TestOpenRefusesAVolumeThatCannotKeepNames(t *testing.T) {
	for _, row := range []struct {
		why, step string
		says      error
		want      string
	}{
		{"two winners", "link", nil, "two links of one name"},
		{"no links, as SMB and FAT say it", "link", syscall.EPERM, "no hard links"},
		{"no links, as FUSE says it", "link", syscall.ENOSYS, "no hard links"},
		{"no links, as NFS says it", "link", syscall.EOPNOTSUPP, "no hard links"},
		{"one link at most, as exFAT has it", "link", syscall.EMLINK, "no hard links"},
		{"links are not counted, as on SSHFS", "count links", nil, "does not count"},
		{"no fsync of directories", "fsync folder", syscall.EINVAL, "put a directory on disk"},
	} {
		t.Run(row.why, func(t *testing.T) {
			dir := volume(t)
			s, err := newStore(dir, nil)
			require.NoError(t, err)
			s.disturb = func(step, _ string, f func() error) error {
				if step == row.step {
					return row.says
				}
				return f()
			}
			err = fail("open", "", s.prove())
			require.ErrorIs(t, err, storage.ErrUnsuitable)
			assert.Contains(t, err.Error(), row.want)
			assert.Contains(t, err.Error(), "mount NFS 4")
		})
	}
}

func TestAVolumeRestoredWithoutItsHardLinksOpens(t *testing.T) {
	dir := volume(t)
	text, err := os.ReadFile(filepath.Join(dir, markerName))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, proofName)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, proofName), text, 0o600))
	put(t, open(t, dir, nil), "a", "x")
	require.NoError(t, os.Remove(filepath.Join(dir, proofName)))
	put(t, open(t, dir, nil), "b", "x")
}

func TestAReadSurvivesAStaleHandleOrFails(t *testing.T) {
	dir := volume(t)
	body := strings.Repeat("0123456789", 10)
	put(t, open(t, dir, nil), "a", body)
	read := func(meanwhile func(s *Store)) (string, error) {
		once := false
		var s *Store
		s = disturbed(t, dir, func(step, _ string, f func() error) error {
			if step == "read" && !once {
				once = true
				meanwhile(s)
				return syscall.ESTALE
			}
			return f()
		})
		o, err := s.Open(t.Context(), "a", &storage.OpenOptions{Offset: 5, Length: 20})
		require.NoError(t, err)
		got, err := io.ReadAll(o)
		require.NoError(t, o.Close())
		require.NoError(t, o.Close(), "closing twice does no harm")
		_, closedErr := o.Read(make([]byte, 1))
		require.Error(t, closedErr)
		return string(got), err
	}
	got, err := read(func(*Store) {})
	require.NoError(t, err)
	assert.Equal(t, body[5:25], got)

	_, err = read(func(s *Store) {
		require.NoError(t, s.Delete(t.Context(), "a"))
		put(t, s, "a", "another")
	})
	require.ErrorIs(t, err, storage.ErrNotExist, "another object of that name is not the one that was opened")

	_, err = read(func(s *Store) { require.NoError(t, s.Delete(t.Context(), "a")) })
	require.ErrorIs(t, err, storage.ErrNotExist)
}

func TestAnObjectThatLostItsEndIsCorrupt(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	put(t, s, "a", "0123456789")
	o, err := s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, "a"), 4))
	got, err := io.ReadAll(o)
	require.ErrorIs(t, err, storage.ErrCorrupt)
	assert.Equal(t, "0123", string(got))
	require.NoError(t, o.Close())
}

func TestABodyThatClaimsToBeEmptyAndIsNotIsRefused(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	_, err := s.Create(t.Context(), "a", emptySeeker{bytes.NewReader([]byte("x"))}, nil)
	require.ErrorIs(t, err, storage.ErrInvalid)
	assert.Empty(t, keysOf(t, s, nil))
}

// emptySeeker says that its end is its start.
type emptySeeker struct{ *bytes.Reader }

func (emptySeeker) Seek(int64, int) (int64, error) { return 0, nil }
