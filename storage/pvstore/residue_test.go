package pvstore

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// leave puts a file of a size and an age into the volume.
func leave(t *testing.T, dir, name string, size int, age time.Duration) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
	then := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(path, then, then))
}

func TestResidueIsFoundAndOldTemporaryFilesAreCleaned(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, &Options{Prefix: "in", TempAge: time.Hour})
	put(t, s, "media/1/a", "x")
	leave(t, dir, "in/media/1/"+tempName("a"), 10, 2*time.Hour)
	leave(t, dir, "in/media/1/"+tempName("ab"), 20, time.Minute)
	leave(t, dir, "in/media/2/.nfs0001", 30, 2*time.Hour)
	leave(t, dir, "in/media/3/.fuse_hidden00001e4f00000006", 50, 2*time.Hour)
	leave(t, dir, "in/media/2/.other", 1, 2*time.Hour)
	leave(t, dir, "in/media/2/.tmp-short.a", 1, 2*time.Hour)
	leave(t, dir, "in/media/2/"+tempName("A"), 1, 2*time.Hour)
	leave(t, dir, "in/"+tempName("top"), 40, 2*time.Hour)
	leave(t, dir, "out/"+tempName("a"), 1, 2*time.Hour)

	found := func(prefix string) map[storage.Residue]bool {
		all := map[storage.Residue]bool{}
		for r, err := range s.Residue(t.Context(), prefix) {
			require.NoError(t, err)
			r.Modified = time.Time{}
			all[r] = true
		}
		return all
	}
	const why = "a client of the volume has the deleted file open, or died while it had"
	a, ab := storage.Residue{Prefix: "media/1/", Key: "media/1/a", Size: 10}, storage.Residue{Prefix: "media/1/", Key: "media/1/ab", Size: 20}
	nfs, fuse := storage.Residue{Prefix: "media/2/", Size: 30, Why: why}, storage.Residue{Prefix: "media/3/", Size: 50, Why: why}
	top := storage.Residue{Key: "top", Size: 40}
	assert.Equal(t, map[storage.Residue]bool{a: true, ab: true, nfs: true, fuse: true, top: true}, found(""))
	assert.Equal(t, map[storage.Residue]bool{a: true, ab: true}, found("media/1/a"))
	assert.Equal(t, map[storage.Residue]bool{ab: true}, found("media/1/ab"))
	assert.Equal(t, map[storage.Residue]bool{nfs: true}, found("media/2/anything"), "whose bytes it holds is not known")
	assert.Empty(t, found("nowhere/"))
	for range s.Residue(t.Context(), "") {
		break
	}
	for _, err := range s.Residue(t.Context(), "A") {
		require.ErrorIs(t, err, storage.ErrInvalid)
	}

	n, err := s.Clean(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	assert.Equal(t, map[storage.Residue]bool{ab: true, nfs: true, fuse: true}, found(""))
	assert.Equal(t, []string{"media/1/a"}, keysOf(t, s, nil))
}

func TestDeleteTakesTemporaryFilesOfItsNamesAndOldOnes(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	put(t, s, "media/a", "x")
	put(t, s, "media/b", "x")
	mine, young, old := tempName("a"), tempName("b"), tempName("c")
	leave(t, dir, "media/"+mine, 1, 0)
	leave(t, dir, "media/"+tempName("a"), 1, 0)
	leave(t, dir, "media/"+young, 1, 35*time.Hour)
	leave(t, dir, "media/"+old, 1, 37*time.Hour)
	leave(t, dir, "media/.nfs1", 1, 37*time.Hour)
	require.NoError(t, s.Delete(t.Context(), "media/a"))
	assert.ElementsMatch(t, []string{young, ".nfs1"}, hidden(t, dir))
	assert.Equal(t, []string{"media/b"}, keysOf(t, s, nil))
	require.NoError(t, s.Delete(t.Context(), "media/b", "media/c", "nowhere/d"))
	assert.Equal(t, []string{".nfs1"}, hidden(t, dir), "also of objects that never came to be")
}

// residueOf returns the residue below prefix.
func residueOf(t *testing.T, s storage.Store, prefix string) (all []storage.Residue) {
	t.Helper()
	residuer, ok := storage.As[storage.Residuer](s)
	require.True(t, ok)
	for r, err := range residuer.Residue(t.Context(), prefix) {
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

func TestWhatAClientHoldsIsReportedUntilItIsGone(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	put(t, s, "media/a", "x")
	leave(t, dir, "media/.nfs0001", 30, 48*time.Hour)
	require.NoError(t, s.Delete(t.Context(), "media/a"))
	_, err := s.Clean(t.Context())
	require.NoError(t, err)
	left := residueOf(t, s, "media/a")
	require.Len(t, left, 1, "no call of ours removes it")
	assert.Empty(t, left[0].Key)
	assert.Equal(t, "media/", left[0].Prefix)
	require.NoError(t, os.Remove(filepath.Join(dir, "media/.nfs0001")), "the client has closed the file")
	assert.Empty(t, residueOf(t, s, "media/a"))
}

func TestACreateThatIsUnderWayIsResidueAndEndsWithADelete(t *testing.T) {
	dir := volume(t)
	other := open(t, dir, nil)
	s := disturbed(t, dir, func(step, _ string, f func() error) error {
		if step == "link" {
			left := residueOf(t, other, "media/")
			require.Len(t, left, 1)
			assert.Equal(t, "media/a", left[0].Key)
			assert.EqualValues(t, len("bytes"), left[0].Size)
			require.NoError(t, other.Delete(t.Context(), "media/a"))
			assert.Empty(t, residueOf(t, other, ""))
		}
		return f()
	})
	_, err := s.Create(t.Context(), "media/a", strings.NewReader("bytes"), nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	assert.Empty(t, keysOf(t, s, nil))
}

func TestNoErrorHidesResidue(t *testing.T) {
	dir := volume(t)
	leave(t, dir, "v1/media/1/"+tempName("a"), 10, 0)
	leave(t, dir, "v1/media/2/.nfs0001", 10, 0)
	for _, n := range []nature{instant, distant} {
		s := open(t, dir, nil)
		s.nature = n
		var trace disturbance
		s.disturb = trace.do
		require.Len(t, residueOf(t, s, "v1/media/"), 2)
		for at, step := range trace.steps {
			for no, want := range map[syscall.Errno]error{
				syscall.ESTALE: nil, syscall.EIO: storage.ErrUnavailable, syscall.EACCES: storage.ErrPermission,
			} {
				d := disturbance{at: at, fails: no}
				s.disturb = d.do
				keys, last := 0, error(nil)
				for _, err := range s.Residue(t.Context(), "v1/media/") {
					if last = err; err == nil {
						keys++
					}
				}
				require.ErrorIs(t, last, want, "%v at step %d (%s), nature %d", no, at, step, n)
				require.True(t, last != nil || keys == 2, "%v at step %d (%s), nature %d: %d found", no, at, step, n, keys)
			}
		}
	}
}

func TestResidueOfAFolderThatACacheMissesIsFound(t *testing.T) {
	dir := volume(t)
	leave(t, dir, "v1/media/"+tempName("a"), 10, 0)
	for _, lies := range []int{1, 1000} {
		left := lies
		s := disturbed(t, dir, func(step, name string, f func() error) error {
			if step == "read folder" && name == "v1/media" && left > 0 {
				left--
				return syscall.ENOENT
			}
			return f()
		})
		s.nature = distant
		if lies == 1 {
			require.Len(t, residueOf(t, s, "v1/media/"), 1)
			continue
		}
		for _, err := range s.Residue(t.Context(), "v1/media/") {
			require.ErrorIs(t, err, storage.ErrUnavailable, "what its parent lists is not absent")
		}
		require.Less(t, left, lies-1, "it was tried again")
	}
}

func TestATemporaryFileOfTheLongestNameFits(t *testing.T) {
	longest := strings.Repeat("a", storage.MaxSegment)
	assert.LessOrEqual(t, len(tempName(longest)), 255)
	target, ok := tempTarget(tempName(longest))
	assert.True(t, ok)
	assert.Equal(t, longest, target)
	put(t, open(t, volume(t), nil), longest, "x")
}

func TestPingTellsHowFarTheClockOfTheVolumeIsAhead(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, &Options{Prefix: "in/side"})
	h, err := s.Ping(t.Context())
	require.NoError(t, err)
	assert.Less(t, h.Skew.Abs(), time.Second)
	assert.Empty(t, hidden(t, dir))
	for step, want := range map[string]string{"create": "cannot create", "fsync": "cannot create", "read probe": "cannot read", "unlink temp": "cannot delete", "mkdir": "cannot open the folder"} {
		s := open(t, dir, &Options{Prefix: "in/other"})
		s.disturb = func(st, _ string, f func() error) error {
			if st == step {
				return os.ErrPermission
			}
			return f()
		}
		_, err := s.Ping(t.Context())
		require.ErrorContains(t, err, want, step)
	}
}

func TestPingOfAVolumeThatHangsEndsAndPilesNothingUp(t *testing.T) {
	dir := volume(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), dir, nil)
		require.NoError(t, err)
		hang, tries := make(chan struct{}), atomic.Int32{}
		s.disturb = func(step, _ string, f func() error) error {
			if step == "create" {
				tries.Add(1)
				<-hang
			}
			return f()
		}
		for range 3 {
			began := time.Now()
			_, err := s.Ping(t.Context())
			require.ErrorIs(t, err, storage.ErrUnavailable)
			assert.Equal(t, 10*time.Second, time.Since(began))
		}
		assert.EqualValues(t, 1, tries.Load(), "the one that hangs is waited for")
		close(hang)
		synctest.Wait()
		_, err = s.Ping(t.Context())
		require.NoError(t, err)
	})
}

func TestRetentionNamesWhatAVolumeCannotTell(t *testing.T) {
	s := open(t, volume(t), nil)
	r, err := s.Retention(t.Context())
	require.NoError(t, err)
	assert.Contains(t, strings.Join(r.Notes, "\n"), "Snapshots")
	assert.Zero(t, r.SoftDelete)
	assert.False(t, r.Versioned || r.Lock)
}
