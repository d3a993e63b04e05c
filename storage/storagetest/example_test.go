package storagetest_test

import (
	"testing"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/storagetest"
)

// In a driver's tests this function is called TestStore, and newStore opens that driver on a directory, a bucket or a container of the
// test's own.
func ExampleRun() {
	testStore := func(t *testing.T) {
		newStore := func(*testing.T) storage.Store { return memstore.New(nil) }
		storagetest.Run(t, newStore, &storagetest.Options{Rounds: 100})
	}
	_ = testStore // go test calls it
}
