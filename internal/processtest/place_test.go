//go:build unix

package processtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

// place is a storage that several processes reach. It goes to them as JSON.
type place struct {
	// Kind says which driver opens it: "volume", "s3", "azure".
	Kind string
	// Dir is the root of a volume.
	Dir    string
	Bucket *bucket
	Blobs  *blobs
	// Spool is where the processes spool recordings.
	Spool string
}

// newVolume provisions a volume.
func newVolume(t *testing.T) place {
	p := place{Kind: "volume", Dir: t.TempDir(), Spool: t.TempDir()}
	require.NoError(t, pvstore.Init(t.Context(), p.Dir))
	return p
}

// open opens the storage. For a volume, what an interrupted write left is garbage once it is older than tempAge; 0 is the driver's default.
func (p place) open(ctx context.Context, tempAge time.Duration) (storage.Store, error) {
	switch p.Kind {
	case "volume":
		return pvstore.Open(ctx, p.Dir, &pvstore.Options{TempAge: tempAge})
	case "s3":
		return p.Bucket.open(ctx)
	case "azure":
		return p.Blobs.open(ctx)
	}
	return nil, fmt.Errorf("unknown kind of storage %q", p.Kind)
}

// service opens the voicemail there. Every recording is spooled to a file.
func (p place) service(ctx context.Context) (*voicemail.Service, error) {
	store, err := p.open(ctx, 0)
	if err != nil {
		return nil, err
	}
	return voicemail.Open(ctx, voicemail.OneRegion(store), p.options())
}

func (p place) options() *voicemail.Options {
	return &voicemail.Options{Limits: voicemail.Limits{Messages: 1 << 20, Cache: 1 << 14, SpoolMemory: 1, SpoolDir: p.Spool}}
}

// maintain runs Maintain as it runs two days from now, when all that was under way is long over.
func (p place) maintain(t *testing.T) voicemail.MaintainReport {
	t.Helper()
	store, err := p.open(t.Context(), time.Nanosecond)
	require.NoError(t, err)
	opts := p.options()
	opts.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(store), opts)
	require.NoError(t, err)
	report, err := svc.Maintain(t.Context())
	require.NoError(t, err, "maintain")
	return report
}

// names returns the names of all objects below a prefix.
func (p place) names(t *testing.T, prefix string) (names []string) {
	t.Helper()
	store, err := p.open(t.Context(), 0)
	require.NoError(t, err)
	for info, err := range storage.All(t.Context(), store, &storage.ListOptions{Prefix: prefix, KeysOnly: true}) {
		require.NoError(t, err)
		names = append(names, info.Key)
	}
	return names
}

// remains are the recordings and the callers of which there is something in the storage, each with a file or an object that has it.
type remains struct {
	audio, callers map[int]string
	files          int
}

var (
	stampForm  = regexp.MustCompile(stampText + `(\d{16})`)
	callerForm = regexp.MustCompile(`\+?` + callerText + `(\d{9})`)
)

// scan reads everything in the place, also what no object belongs to, and every name; not through the driver.
func (p place) scan(t *testing.T) remains {
	t.Helper()
	found := remains{audio: map[int]string{}, callers: map[int]string{}}
	note := func(in map[int]string, form *regexp.Regexp, text []byte, file string) {
		for _, match := range form.FindAllSubmatch(text, -1) {
			n, err := strconv.Atoi(string(match[1]))
			require.NoError(t, err)
			in[n] = file
		}
	}
	each := func(name string, text []byte) {
		if text != nil {
			found.files++
		}
		note(found.callers, callerForm, []byte(name), name)
		note(found.audio, stampForm, text, name)
		note(found.callers, callerForm, text, name)
	}
	switch p.Kind {
	case "volume":
		scanFolder(t, p.Dir, each)
	case "s3":
		p.Bucket.scan(t, each)
	case "azure":
		p.Blobs.scan(t, each)
	}
	scanFolder(t, p.Spool, each)
	return found
}

// scanFolder reads every file below a folder; of a folder there is the name.
func scanFolder(t *testing.T, dir string, each func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			each(path, nil)
			return nil
		}
		text, err := os.ReadFile(path)
		each(path, text)
		return err
	})
	require.NoError(t, err)
}

// entries counts the entries of the caller index by the message that they lead to.
func (p place) entries(t *testing.T) map[voicemail.MessageID]int {
	t.Helper()
	n := map[voicemail.MessageID]int{}
	for _, name := range p.names(t, "v1/default/caller/") {
		ref := name[strings.LastIndexByte(name, ',')+1:] // <id>-<hop>
		n[voicemail.MessageID(ref[:strings.LastIndexByte(ref, '-')])]++
	}
	return n
}

// spooled returns the files that are left where recordings are spooled.
func (p place) spooled(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(p.Spool)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// differ returns the keys of found that are not in want, and those of want that are not in found.
func differ[V, W any](found map[int]V, want map[int]W) (more, missing []int) {
	for k := range found {
		if _, ok := want[k]; !ok {
			more = append(more, k)
		}
	}
	for k := range want {
		if _, ok := found[k]; !ok {
			missing = append(missing, k)
		}
	}
	return more, missing
}

var errRule = errors.New("a rule is broken")

// broken is the error of a look that saw what must not be.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errRule, fmt.Sprintf(format, args...))
}
