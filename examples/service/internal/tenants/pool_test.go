package tenants_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/service/internal/tenants"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var directory = tenants.Fixed{"cc-1": "one", "cc-2": "two", "cc-3": "three"}

func newPool(t *testing.T, store voicemail.Store, limit int) *tenants.Pool {
	p := tenants.New(voicemail.OneRegion(store), tenants.Options{Directory: directory, Max: limit})
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

func TestAContactCenterHasOneTenantHoweverItIsWritten(t *testing.T) {
	p := newPool(t, memstore.New(nil), 0)
	a, done, err := p.Use(t.Context(), "cc-1")
	require.NoError(t, err)
	defer done()
	b, done2, err := p.Use(t.Context(), "CC-1")
	require.NoError(t, err)
	defer done2()
	assert.Same(t, a, b)
	assert.Equal(t, "one", a.Service.Tenant())
}

func TestAContactCenterThatIsNotKnownIsNotProvisioned(t *testing.T) {
	store := memstore.New(nil)
	p := newPool(t, store, 0)
	for _, id := range []string{"cc-4", "", "one", "../one"} {
		_, _, err := p.Use(t.Context(), id)
		assert.ErrorIs(t, err, tenants.ErrUnknown, id)
	}
	page, err := store.List(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, page.Objects)
}

func TestTheTenantThatWasUsedLongestAgoMakesRoom(t *testing.T) {
	p := newPool(t, memstore.New(nil), 2)
	use := func(id string) (*tenants.Tenant, func()) {
		tenant, done, err := p.Use(t.Context(), id)
		require.NoError(t, err)
		return tenant, done
	}
	one, done := use("cc-1")
	done()
	two, done := use("cc-2")
	done()
	_, done = use("cc-1")
	done()
	_, done3 := use("cc-3") // instead of two
	again, done := use("cc-1")
	assert.Same(t, one, again)
	_, _, err := p.Use(t.Context(), "cc-2")
	assert.ErrorIs(t, err, tenants.ErrBusy, "what is in use stays")
	done3()
	other, done2 := use("cc-2")
	assert.NotSame(t, two, other)
	done()
	done2()
}

func TestATenantThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	store := faultstore.New(memstore.New(nil), faultstore.Fault{Times: faultstore.Always})
	p := newPool(t, store, 1)
	_, _, err := p.Use(t.Context(), "cc-1")
	require.ErrorIs(t, err, storage.ErrUnavailable)
	store.Set()
	_, done, err := p.Use(t.Context(), "cc-1")
	require.NoError(t, err)
	done()
}

func TestWhoeverGoesAwayDoesNotKeepOthersWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := faultstore.New(memstore.New(nil), faultstore.Fault{Mode: faultstore.Pass, Delay: time.Second})
		p := newPool(t, store, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, err := p.Use(ctx, "cc-1")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, done, err := p.Use(t.Context(), "cc-1")
		require.NoError(t, err, "it was opened all the same")
		done()
		require.NoError(t, p.Close())
		_, _, err = p.Use(t.Context(), "cc-1")
		assert.ErrorIs(t, err, tenants.ErrClosed)
	})
}

func TestTenantsAreKeptEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		p := newPool(t, store, 1) // fewer than there are tenants
		for id := range directory {
			tenant, done, err := p.Use(t.Context(), id)
			require.NoError(t, err)
			box, err := tenant.Service.CreateMailbox(t.Context(), "5001", nil)
			require.NoError(t, err)
			_, err = box.Deposit(t.Context(), recording(), &voicemail.DepositOptions{Expires: time.Now().Add(time.Minute)})
			require.NoError(t, err)
			done()
		}
		ctx, cancel := context.WithCancel(t.Context())
		kept := make(chan struct{})
		go func() {
			p.Keep(ctx, time.Hour)
			close(kept)
		}()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		cancel()
		<-kept
		for id := range directory {
			tenant, done, err := p.Use(t.Context(), id)
			require.NoError(t, err)
			n, err := tenant.Service.Mailbox("5001").Counts(t.Context())
			require.NoError(t, err)
			assert.Zero(t, n.New, "%s: what has expired", id)
			done()
		}
		require.NoError(t, p.Close())
	})
}

func TestAPromiseThatIsBrokenIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := tenants.New(voicemail.OneRegion(memstore.New(nil)), tenants.Options{Directory: directory, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		tenant, done, err := p.Use(t.Context(), "cc-1")
		require.NoError(t, err)
		box, err := tenant.Service.CreateMailbox(t.Context(), "5001", nil)
		require.NoError(t, err)
		_, err = box.Deposit(t.Context(), recording(), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100142")})
		require.NoError(t, err)
		req, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "DSR-1", "consumers": [{"consumer": [{"phone": "+15550100142"}]}]}`))
		require.NoError(t, err)
		req.Actor = "officer"
		_, err = tenant.Privacy.ForgetMe(t.Context(), req)
		require.NoError(t, err)
		done()
		time.Sleep(25 * time.Hour) // in which nobody keeps the tenants
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p.Keep(ctx, time.Hour)
		require.NoError(t, p.Close())
		assert.Contains(t, log.String(), "callers should have been erased by now, or their receipts be written\" tenant=one cases=1")
		assert.NotContains(t, log.String(), "DSR-1")
	})
}

func TestTheFileOfTenantsIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.json")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	entry := func(id, uuid string) string {
		return fmt.Sprintf(`{"name": %q, "tenant_id": %q, "tenant_uuid": %q, "status": "INIT"}`, id, id, uuid)
	}
	const a, b = "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd", "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"
	synctest.Test(t, func(t *testing.T) {
		write("[" + entry("t100", a) + "]")
		f, err := tenants.OpenFile(path, discard())
		require.NoError(t, err)
		id, ok := f.Tenant("9350E2FC-A1DD-4C65-8D40-1F75A2E080DD")
		assert.True(t, ok)
		assert.Equal(t, "t100", id)
		write("[" + entry("t100", a) + "," + entry("t101", b) + "]")
		_, ok = f.Tenant(b)
		assert.False(t, ok, "not at once")
		time.Sleep(time.Minute)
		_, ok = f.Tenant(b)
		assert.True(t, ok)
		write("nonsense")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"t100", "t101"}, f.Tenants(), "what was read last")
	})
	_, err := tenants.OpenFile(filepath.Join(t.TempDir(), "missing.json"), discard())
	assert.Error(t, err)
}
