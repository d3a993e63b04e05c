package spool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noise returns n bytes that differ from one chunk to the next, the same ones for every call.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func requireContent(t require.TestingT, s *Spool, want []byte) {
	require.EqualValues(t, len(want), s.Size())
	require.Equal(t, sha256.Sum256(want), s.SHA256())
	require.NoError(t, iotest.TestReader(s.Reader(), want))
}

func TestContentIsReadBackWhereverItLies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		memory int64
		size   int
	}{
		{"nothing", 0, 0},
		{"one byte", 0, 1},
		{"less than a chunk, no memory allowed", 0, 160},
		{"a whole chunk", chunkSize, chunkSize},
		{"one byte more than the memory", chunkSize, chunkSize + 1},
		{"many chunks in memory", 8 * chunkSize, 5*chunkSize + 7},
		{"memory, file and a part of a chunk", 2 * chunkSize, 5*chunkSize + 7},
		{"all but the end in the file", 0, 5*chunkSize + 7},
		{"memory that is no whole number of chunks", 2*chunkSize + 5, 4 * chunkSize},
		{"negative memory", -1, 3 * chunkSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := noise(tt.size)
			s := New(t.TempDir(), tt.memory, 1<<20)
			n, err := s.ReadFrom(t.Context(), bytes.NewReader(want))
			require.NoError(t, err)
			require.EqualValues(t, tt.size, n)
			requireContent(t, s, want)
			require.NoError(t, s.Close())
		})
	}
}

func TestShortReadsChangeNothing(t *testing.T) {
	want := noise(3*chunkSize + 100)
	for name, r := range map[string]io.Reader{
		"one byte at a time":       iotest.OneByteReader(bytes.NewReader(want)),
		"half of what is asked":    iotest.HalfReader(bytes.NewReader(want)),
		"last bytes with the EOF":  iotest.DataErrReader(bytes.NewReader(want)),
		"an empty read in between": &hesitant{r: bytes.NewReader(want)},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t.TempDir(), chunkSize, 1<<20)
			_, err := s.ReadFrom(t.Context(), r)
			require.NoError(t, err)
			requireContent(t, s, want)
			require.NoError(t, s.Close())
		})
	}
}

// hesitant returns nothing as often as package bufio would bear, before every read.
type hesitant struct {
	r     io.Reader
	empty int
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.empty++; h.empty < maxEmptyReads {
		return 0, nil
	}
	h.empty = 0
	return h.r.Read(p)
}

func TestSpoolBehavesAsABuffer(t *testing.T) {
	all := noise(6 * chunkSize)
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, len(all)).Draw(t, "limit")
		s := New("", rapid.Int64Range(0, 4*chunkSize).Draw(t, "memory"), int64(limit))
		var have []byte
		for range rapid.IntRange(1, 5).Draw(t, "reads") {
			start := rapid.IntRange(0, len(all)).Draw(t, "start")
			part := all[start : start+rapid.IntRange(0, len(all)-start).Draw(t, "length")]
			n, err := s.ReadFrom(context.Background(), bytes.NewReader(part))
			if room := limit + 1 - len(have); len(part) >= room {
				require.ErrorIs(t, err, ErrTooLarge)
				require.EqualValues(t, room, n)
				have = append(have, part[:room]...)
				break
			}
			require.NoError(t, err)
			require.EqualValues(t, len(part), n)
			have = append(have, part...)
		}
		require.Equal(t, sha256.Sum256(have), s.SHA256())
		got, err := io.ReadAll(s.Reader())
		require.NoError(t, err)
		require.True(t, bytes.Equal(have, got))
		off := rapid.Int64Range(0, int64(len(have))+10).Draw(t, "offset")
		p, q := make([]byte, chunkSize+9), make([]byte, chunkSize+9)
		n, err := s.ReadAt(p, off)
		m, wantErr := bytes.NewReader(have).ReadAt(q, off)
		require.Equal(t, m, n)
		require.ErrorIs(t, err, wantErr)
		require.True(t, bytes.Equal(q, p))
		require.NoError(t, s.Close())
	})
}

func TestTheLimitItselfIsAllowed(t *testing.T) {
	for _, limit := range []int64{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, math.MaxInt64} {
		want := noise(int(min(limit, 4*chunkSize)))
		s := New(t.TempDir(), chunkSize, limit)
		_, err := s.ReadFrom(t.Context(), bytes.NewReader(want))
		require.NoError(t, err, "limit %d", limit)
		requireContent(t, s, want)
		require.NoError(t, s.Close())
	}
}

func TestBeyondTheLimitNoByteIsLost(t *testing.T) {
	for _, limit := range []int64{-1, 0, 1, chunkSize - 1, chunkSize, 3*chunkSize + 5} {
		want := noise(4 * chunkSize)
		r := bytes.NewReader(want)
		s := New(t.TempDir(), chunkSize, limit)
		_, err := s.ReadFrom(t.Context(), r)
		require.ErrorIs(t, err, ErrTooLarge, "limit %d", limit)
		require.Equal(t, max(limit, 0)+1, s.Size(), "one byte is taken to know that there is more")
		n, err := s.ReadFrom(t.Context(), readerFunc(func([]byte) (int, error) {
			assert.Fail(t, "it stays too large, and no reader is asked again")
			return 0, io.EOF
		}))
		require.ErrorIs(t, err, ErrTooLarge)
		require.Zero(t, n)
		got, err := io.ReadAll(io.MultiReader(s.Reader(), r))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "the content and the rest of the reader are the whole recording")
		require.NoError(t, s.Close())
	}
}

func TestAFailingReaderLosesNothingAndCanBeContinued(t *testing.T) {
	hangUp := errors.New("connection reset")
	want := noise(3*chunkSize + 50)
	for _, cut := range []int{0, 1, chunkSize, 2*chunkSize + 10} {
		s := New(t.TempDir(), chunkSize, 1<<20)
		n, err := s.ReadFrom(t.Context(), io.MultiReader(bytes.NewReader(want[:cut]), iotest.ErrReader(hangUp)))
		require.ErrorIs(t, err, hangUp)
		require.EqualValues(t, cut, n)
		requireContent(t, s, want[:cut])
		_, err = s.ReadFrom(t.Context(), bytes.NewReader(want[cut:]))
		require.NoError(t, err)
		requireContent(t, s, want)
		require.NoError(t, s.Close())
	}
}

func TestBytesThatComeWithAnErrorAreKept(t *testing.T) {
	hangUp := errors.New("connection reset")
	s := New(t.TempDir(), 0, 100)
	n, err := s.ReadFrom(t.Context(), readerFunc(func(p []byte) (int, error) { return copy(p, "last words"), hangUp }))
	require.ErrorIs(t, err, hangUp)
	require.EqualValues(t, 10, n)
	requireContent(t, s, []byte("last words"))
	require.NoError(t, s.Close())
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAReaderWithoutProgressIsGivenUp(t *testing.T) {
	s := New(t.TempDir(), 0, 100)
	_, err := s.ReadFrom(t.Context(), io.MultiReader(bytes.NewReader([]byte("hello")),
		readerFunc(func([]byte) (int, error) { return 0, nil })))
	require.ErrorIs(t, err, io.ErrNoProgress)
	requireContent(t, s, []byte("hello"))
	require.NoError(t, s.Close())
}

func TestAnImpossibleCountIsRefused(t *testing.T) {
	for name, count := range map[string]int{"negative": -1, "more than asked": chunkSize + 1} {
		t.Run(name, func(t *testing.T) {
			s := New(t.TempDir(), 0, 1<<20)
			_, err := s.ReadFrom(t.Context(), readerFunc(func([]byte) (int, error) { return count, nil }))
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.Zero(t, s.Size())
			require.NoError(t, s.Close())
		})
	}
}

func TestACancelledContextEndsBetweenReads(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := New(t.TempDir(), 0, 100)
	reads := 0
	endless := readerFunc(func(p []byte) (int, error) {
		if reads++; reads == 2 {
			cancel()
		}
		p[0] = 'x'
		return 1, nil
	})
	n, err := s.ReadFrom(ctx, endless)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 2, n)
	requireContent(t, s, []byte("xx"))
	_, err = s.ReadFrom(ctx, endless)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, reads, "a context that is done before the call reads nothing")
	require.NoError(t, s.Close())
}

func TestTheTemporaryFileHasNoName(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, 0, 1<<20)
	_, err := s.ReadFrom(t.Context(), bytes.NewReader(noise(3*chunkSize)))
	require.NoError(t, err)
	f, ok := s.f.(*os.File)
	require.True(t, ok, "it spilled")
	info, err := f.Stat()
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "only its owner could open it")
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, names)
	require.NoError(t, s.Close())
	_, err = f.Stat()
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestNoFileIsMadeForWhatFitsIntoMemory(t *testing.T) {
	s := New(filepath.Join(t.TempDir(), "missing"), 4*chunkSize, 1<<20)
	_, err := s.ReadFrom(t.Context(), bytes.NewReader(noise(4*chunkSize-1)))
	require.NoError(t, err, "the directory is not looked at")
	require.NoError(t, s.Close())
}

func TestAMissingDirectoryLosesNothing(t *testing.T) {
	want := noise(4 * chunkSize)
	r := bytes.NewReader(want)
	s := New(filepath.Join(t.TempDir(), "missing"), 2*chunkSize, 1<<20)
	_, err := s.ReadFrom(t.Context(), r)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorIs(t, err, os.ErrNotExist)
	requireContent(t, s, want[:2*chunkSize])
	got, err := io.ReadAll(io.MultiReader(s.Reader(), r))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	require.NoError(t, s.Close())
}

// fullDisk takes the first room bytes and a part of the write that goes beyond them.
type fullDisk struct {
	*os.File
	room int64
}

func (f *fullDisk) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= f.room {
		return f.File.WriteAt(p, off)
	}
	n, _ := f.File.WriteAt(p[:max(f.room-off, 0)], off)
	return n, syscall.ENOSPC
}

func TestAFullDiskLosesNothingAndCanBeContinued(t *testing.T) {
	want := noise(6 * chunkSize)
	for _, room := range []int64{0, 1, chunkSize, 2*chunkSize + 100} {
		dir := t.TempDir()
		disk := &fullDisk{room: room}
		s := New(dir, 2*chunkSize, 1<<20)
		s.open = func() (file, error) {
			var err error
			disk.File, err = openNameless(dir)
			return disk, err
		}
		r := bytes.NewReader(want)
		_, err := s.ReadFrom(t.Context(), r)
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.ErrorIs(t, err, syscall.ENOSPC)
		taken := len(want) - r.Len()
		require.NotEqual(t, len(want), taken)
		requireContent(t, s, want[:taken])

		disk.room = math.MaxInt64
		_, err = s.ReadFrom(t.Context(), r)
		require.NoError(t, err, "when there is room again, so does it go on")
		requireContent(t, s, want)
		require.NoError(t, s.Close())
	}
}

func TestAnUnreadableFileIsAnErrorAndNotAnEnd(t *testing.T) {
	s := New(t.TempDir(), 0, 1<<20)
	_, err := s.ReadFrom(t.Context(), bytes.NewReader(noise(3*chunkSize)))
	require.NoError(t, err)
	require.NoError(t, s.f.(*os.File).Truncate(100))
	got, err := io.ReadAll(s.Reader())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.Len(t, got, 100)
	require.NoError(t, s.Close())
}

func TestAViewKeepsItsEndWhileTheSpoolGrows(t *testing.T) {
	s := New(t.TempDir(), 0, 1<<20)
	want := noise(3 * chunkSize)
	_, err := s.ReadFrom(t.Context(), bytes.NewReader(want[:100]))
	require.NoError(t, err)
	early := s.Reader()
	_, err = s.ReadFrom(t.Context(), bytes.NewReader(want[100:]))
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(early, want[:100]))
	requireContent(t, s, want)
	require.NoError(t, s.Close())
}

func TestViewsReadIndependentlyWhileTheSpoolIsFilledAndClosed(t *testing.T) {
	want := noise(8 * chunkSize)
	s := New(t.TempDir(), 2*chunkSize, 1<<20)
	var readers sync.WaitGroup
	half := bytes.NewReader(want[:4*chunkSize])
	_, err := s.ReadFrom(t.Context(), half)
	require.NoError(t, err)
	for range 4 {
		readers.Go(func() {
			got, err := io.ReadAll(s.Reader())
			if assert.NoError(t, err) {
				assert.True(t, bytes.HasPrefix(want, got))
				assert.GreaterOrEqual(t, len(got), 4*chunkSize)
			}
		})
	}
	_, err = s.ReadFrom(t.Context(), bytes.NewReader(want[4*chunkSize:]))
	require.NoError(t, err)
	readers.Wait()

	for range 4 {
		readers.Go(func() {
			got, err := io.ReadAll(s.Reader())
			if err != nil {
				assert.ErrorIs(t, err, storage.ErrClosed)
			}
			assert.True(t, bytes.HasPrefix(want, got), "what was read before the Close is right")
		})
	}
	require.NoError(t, s.Close())
	readers.Wait()
}

func TestCloseIsIdempotentAndEndsEveryView(t *testing.T) {
	s := New(t.TempDir(), 0, 1<<20)
	want := noise(2 * chunkSize)
	_, err := s.ReadFrom(t.Context(), bytes.NewReader(want))
	require.NoError(t, err)
	view := s.Reader()
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err = view.Read(make([]byte, 1))
	require.ErrorIs(t, err, storage.ErrClosed)
	_, err = s.ReadFrom(t.Context(), bytes.NewReader(want))
	require.ErrorIs(t, err, storage.ErrClosed)
	assert.EqualValues(t, len(want), s.Size())
	assert.Equal(t, sha256.Sum256(want), s.SHA256())
}

func TestClosingDuringAReadEndsIt(t *testing.T) {
	s := New(t.TempDir(), 0, 1<<20)
	_, err := s.ReadFrom(t.Context(), readerFunc(func(p []byte) (int, error) {
		require.NoError(t, s.Close())
		return copy(p, "too late"), nil
	}))
	require.ErrorIs(t, err, storage.ErrClosed)
	require.Zero(t, s.Size())
}

func TestANegativeOffsetIsRefused(t *testing.T) {
	s := New("", 0, 1)
	_, err := s.ReadAt(make([]byte, 1), -1)
	require.ErrorIs(t, err, storage.ErrInvalid)
	require.NoError(t, s.Close())
}

// TestAnHourLongDepositCostsLittleMemory measures everything that is ever allocated, which bounds the peak whatever the
// garbage collector does.
func TestAnHourLongDepositCostsLittleMemory(t *testing.T) {
	const size, memory = 100 << 20, 512 << 10
	s := New(t.TempDir(), memory, size)
	left := size
	silence := readerFunc(func(p []byte) (int, error) {
		n := min(len(p), left)
		left -= n
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := s.ReadFrom(t.Context(), silence)
	require.NoError(t, err)
	hash := sha256.New()
	_, err = io.Copy(hash, s.Reader())
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.EqualValues(t, size, n)
	sum := s.SHA256()
	require.Equal(t, sum[:], hash.Sum(nil))
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(memory+512<<10))
	require.NoError(t, s.Close())
}
