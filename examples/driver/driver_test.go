package driver_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/driver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

// table is a DB in memory: rows sorted by key.
type table struct {
	mu   sync.RWMutex
	rows []driver.Row
}

func (t *table) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t.rows, key, func(r driver.Row, key string) int { return strings.Compare(r.Key, key) })
}

func (t *table) Insert(ctx context.Context, row driver.Row) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, taken := t.find(row.Key)
	if !taken && ctx.Err() == nil {
		t.rows = slices.Insert(t.rows, i, row)
	}
	return !taken, ctx.Err()
}

func (t *table) Get(ctx context.Context, key string) (*driver.Row, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if i, ok := t.find(key); ok {
		row := t.rows[i]
		return &row, ctx.Err()
	}
	return nil, ctx.Err()
}

func (t *table) Delete(ctx context.Context, keys ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		if i, ok := t.find(key); ok && ctx.Err() == nil {
			t.rows = slices.Delete(t.rows, i, i+1)
		}
	}
	return ctx.Err()
}

func (t *table) Scan(ctx context.Context, from string, limit int) ([]driver.Row, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	i, _ := t.find(from)
	return slices.Clone(t.rows[i:min(i+limit, len(t.rows))]), ctx.Err()
}

func TestStoreKeepsTheRulesOfStorage(t *testing.T) {
	dbs := &sync.Map{}
	open := func(db *table) storage.Store {
		s := driver.New(db)
		dbs.Store(s, db)
		return s
	}
	storagetest.Run(t, func(*testing.T) storage.Store { return open(&table{}) }, &storagetest.Options{
		Reopen: func(_ *testing.T, s storage.Store) storage.Store { // another process on the same database
			db, _ := dbs.Load(s)
			return open(db.(*table))
		},
	})
}

// A driver that passes keeps voicemail, and everything else of the library works over it.
func Example() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(driver.New(&table{})), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := box.Deposit(ctx, strings.NewReader("please call back"), nil); err != nil {
		fmt.Println(err)
		return
	}
	counts, err := box.Counts(ctx)
	fmt.Println("new:", counts.New, err)
	// Output: new: 1 <nil>
}
