package pvstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// children are the roles of this binary as another process; the first argument is the volume.
var children = map[string]func(args []string){
	"race": func(args []string) {
		s, err := Open(context.Background(), args[0], nil)
		must(err)
		_, _ = bytes.NewBuffer(nil).ReadFrom(os.Stdin)
		for i := range raceNames {
			_, err := s.Create(context.Background(), raceName(i), strings.NewReader(raceBody(i, args[1])), nil)
			if err == nil {
				fmt.Println(i)
			} else if !errors.Is(err, storage.ErrExists) {
				must(err)
			}
		}
	},
	"stop": func(args []string) {
		s, err := Open(context.Background(), args[0], nil)
		must(err)
		s.disturb = func(step, _ string, f func() error) error {
			if before, _ := strconv.ParseBool(args[2]); step == args[1] && before {
				fmt.Println("here")
				select {}
			}
			err := f()
			if step == args[1] {
				fmt.Println("here")
				select {}
			}
			return err
		}
		_, err = s.Create(context.Background(), stopName, strings.NewReader(stopBody), nil)
		must(err)
	},
	"create": func(args []string) {
		s, err := Open(context.Background(), args[0], nil)
		must(err)
		for i := 0; ; i++ {
			key := fmt.Sprintf("box/%s-%d", args[1], i)
			_, err = s.Create(context.Background(), key, strings.NewReader(strings.Repeat(key, 20_000)), nil)
			must(err)
			fmt.Println(key)
		}
	},
	"full": func(args []string) {
		must(syscall.Mount("none", args[0], "tmpfs", 0, "size=1m"))
		must(Init(context.Background(), args[0]))
		fillUp(args[0], 2<<20)
	},
	"limit": func(args []string) {
		signal.Ignore(syscall.SIGXFSZ)
		must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
		fillUp(args[0], 2<<20)
	},
}

const (
	raceNames = 200
	stopName  = "v1/media/message"
)

var stopBody = strings.Repeat("audio", 1000)

func raceName(i int) string { return fmt.Sprintf("race/%d/%d", i%3, i) }

func raceBody(i int, who string) string {
	if i%2 == 0 {
		return ""
	}
	return strings.Repeat(who, i)
}

// fillUp says what becomes of an object that does not fit, and of one that does.
func fillUp(dir string, size int) {
	s, err := Open(context.Background(), dir, nil)
	must(err)
	_, err = s.Create(context.Background(), "a/large", bytes.NewReader(make([]byte, size)), nil)
	fmt.Println(errors.Is(err, storage.ErrUnavailable), err)
	entries, err := os.ReadDir(filepath.Join(dir, "a"))
	must(err)
	fmt.Println(len(entries))
	_, err = s.Create(context.Background(), "a/small", strings.NewReader("fits"), nil)
	fmt.Println(err)
}

func TestOfManyProcessesOneWinsEachName(t *testing.T) {
	dir := volume(t)
	var racers []*child
	for i := range 4 {
		racers = append(racers, start(t, "race", nil, dir, strconv.Itoa(i)))
	}
	for _, c := range racers {
		require.NoError(t, c.in.Close())
	}
	winner := map[int]string{}
	for who, c := range racers {
		for _, line := range c.lines() {
			i, err := strconv.Atoi(line)
			require.NoError(t, err)
			assert.NotContains(t, winner, i, "won twice")
			winner[i] = strconv.Itoa(who)
		}
		require.NoError(t, c.cmd.Wait())
	}
	require.Len(t, winner, raceNames)
	s := open(t, dir, nil)
	for i, who := range winner {
		body, err := storage.ReadFile(t.Context(), s, raceName(i), 1<<20)
		require.NoError(t, err)
		assert.Equal(t, raceBody(i, who), string(body), "the content is the winner's")
	}
	assert.Empty(t, hidden(t, dir))
}

func TestACreateKilledAnywhereLeavesAWholeObjectOrNone(t *testing.T) {
	for _, at := range []struct {
		step                   string
		before, visible, again bool
	}{
		{"mkdir", false, false, true},
		{"create", false, false, true},
		{"write", false, false, true},
		{"fsync", false, false, false},
		{"link", true, false, false},
		{"link", false, true, false},
		{"unlink temp", true, true, false},
		{"unlink temp", false, true, false},
		{"fsync folder", true, false, true}, // of the first folder on the way
	} {
		t.Run(fmt.Sprintf("%s %v", at.step, at.before), func(t *testing.T) {
			t.Parallel()
			dir := volume(t)
			c := start(t, "stop", nil, dir, at.step, strconv.FormatBool(at.before))
			require.True(t, c.out.Scan(), "got there")
			require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
			_ = c.cmd.Wait()

			s := open(t, dir, nil)
			temps := hidden(t, dir)
			left := residueOf(t, s, "v1/media/")
			require.Len(t, left, len(temps), "all that is left is found")
			for _, r := range left {
				require.Equal(t, stopName, r.Key)
			}
			body, err := storage.ReadFile(t.Context(), s, stopName, 1<<20)
			if at.visible {
				require.NoError(t, err)
				require.Equal(t, stopBody, string(body))
			} else {
				require.ErrorIs(t, err, storage.ErrNotExist)
				require.Empty(t, keysOf(t, s, nil))
				if at.again {
					put(t, s, stopName, "another one can be made")
				}
			}
			require.NoError(t, s.Delete(t.Context(), stopName))
			assert.Empty(t, hidden(t, dir), "the bytes of a deleted object are not left in what the dead one left")
			assert.Empty(t, residueOf(t, s, ""))
		})
	}
}

func TestProcessesKilledAtRandomLoseNothingTheyAcknowledged(t *testing.T) {
	dir := volume(t)
	var acknowledged []string
	for round := range 5 {
		c := start(t, "create", nil, dir, strconv.Itoa(round))
		for range 3 + 4*round {
			require.True(t, c.out.Scan())
			acknowledged = append(acknowledged, c.out.Text())
		}
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
		acknowledged = append(acknowledged, c.lines()...)
		_ = c.cmd.Wait()
	}
	s := open(t, dir, nil)
	have := keysOf(t, s, nil)
	assert.Subset(t, have, acknowledged)
	for _, key := range have {
		body, err := storage.ReadFile(t.Context(), s, key, 1<<20)
		require.NoError(t, err)
		assert.True(t, string(body) == strings.Repeat(key, 20_000), "whole")
	}
	old := time.Now().Add(-48 * time.Hour)
	left := hidden(t, dir)
	for _, name := range left {
		require.NoError(t, os.Chtimes(filepath.Join(dir, "box", name), old, old))
	}
	n, err := s.Clean(t.Context())
	require.NoError(t, err)
	assert.Equal(t, len(left), n)
	assert.Empty(t, hidden(t, dir))
	assert.Equal(t, have, keysOf(t, s, nil))
}

func TestAFullVolumeIsUnavailableAndKeepsNoPart(t *testing.T) {
	// Everybody may limit the size of his files, which fails as a full disk does; only root may mount a small one.
	roles := map[string]*syscall.SysProcAttr{"limit": nil}
	if os.Geteuid() == 0 {
		roles["full"] = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	}
	for role, attr := range roles {
		dir := t.TempDir()
		require.NoError(t, Init(t.Context(), dir))
		if role == "full" {
			dir = t.TempDir()
		}
		c := start(t, role, attr, dir)
		lines := c.lines()
		require.NoError(t, c.cmd.Wait(), role)
		require.Len(t, lines, 3, role)
		assert.True(t, strings.HasPrefix(lines[0], "true pvstore: create: storage unavailable"), lines[0])
		assert.Equal(t, "0", lines[1], role)
		assert.Equal(t, "<nil>", lines[2], role)
	}
}
