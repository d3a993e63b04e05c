package pvstore

import (
	"path"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

func TestConformance(t *testing.T) { conform(t, nil, instant) }

func TestConformanceBelowAPrefixWithOtherModes(t *testing.T) {
	conform(t, &Options{Prefix: "voice/mail", FileMode: 0o660, DirMode: 0o770, PageSize: 7}, local)
}

func TestConformanceAsOnANetwork(t *testing.T) { conform(t, nil, distant) }

func conform(t *testing.T, opts *Options, n nature) {
	var stuck sync.Map // names whose file the fake refuses to delete
	openOn := func(t *testing.T, dir string) storage.Store {
		s, err := Open(t.Context(), dir, opts)
		require.NoError(t, err)
		s.nature = n
		s.disturb = func(step, name string, f func() error) error {
			if _, ok := stuck.Load(s.dir + "/" + name); ok && step == "unlink" {
				return syscall.EPERM
			}
			return f()
		}
		return s
	}
	storagetest.Run(t, func(t *testing.T) storage.Store {
		dir := t.TempDir()
		require.NoError(t, Init(t.Context(), dir))
		return openOn(t, dir)
	}, &storagetest.Options{
		Rounds:      8,
		Reopen:      func(t *testing.T, s storage.Store) storage.Store { return openOn(t, s.(*Store).dir) },
		Undeletable: func(_ *testing.T, s storage.Store, key string) { stuck.Store(s.(*Store).dir+"/"+path.Base(key), true) },
		Strand: func(t *testing.T, s storage.Store, key string) {
			folder, name := s.(*Store).place(key)
			leave(t, s.(*Store).dir, path.Join(folder, tempName(name)), 1000, 0)
		},
	})
}
