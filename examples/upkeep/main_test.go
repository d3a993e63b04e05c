package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

var ada = voicemail.ParseCallerID("+15550100001")

// world is a storage with tenants, and maybe a region beside it where calls come in.
type world struct {
	t     *testing.T
	store *faultstore.Store
	local voicemail.Store
	out   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	return &world{t: t, store: faultstore.New(memstore.New(nil))}
}

func (w *world) regions() voicemail.Regions {
	r := voicemail.OneRegion(w.store)
	if w.local != nil {
		r.Local, r.Stores["local"] = "local", w.local
	}
	return r
}

func (w *world) service(tenant string) *voicemail.Service {
	svc, err := voicemail.Open(w.t.Context(), w.regions(), &voicemail.Options{Tenant: tenant})
	require.NoError(w.t, err)
	return svc
}

// deposit leaves a message of ada that expires in a day, and one that does not.
func (w *world) deposit(tenant string) {
	box, err := w.service(tenant).CreateMailbox(w.t.Context(), "5001", nil)
	require.NoError(w.t, err)
	for _, opts := range []*voicemail.DepositOptions{{Caller: ada}, {Expires: time.Now().Add(24 * time.Hour)}} {
		_, err := box.Deposit(w.t.Context(), strings.NewReader("RIFF hello"), opts)
		require.NoError(w.t, err)
	}
}

func (w *world) forget(tenant string) {
	office, err := gdpr.New(w.service(tenant), nil)
	require.NoError(w.t, err)
	req, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "c1", "consumers": [{"consumer": [{"phone": "+15550100001"}]}]}`))
	require.NoError(w.t, err)
	req.Actor = "officer"
	_, err = office.ForgetMe(w.t.Context(), req)
	require.NoError(w.t, err)
}

// keep runs the command, and returns its lines by tenant.
func (w *world) keep() (map[string]map[string]any, error) {
	w.out.Reset()
	err := keepAll(w.t.Context(), w.regions(), slog.New(slog.NewJSONHandler(&w.out, nil)))
	assert.NotContains(w.t, w.out.String(), "0100001")
	lines := map[string]map[string]any{}
	for line := range strings.Lines(w.out.String()) {
		var l map[string]any
		require.NoError(w.t, json.Unmarshal([]byte(line), &l))
		if l["msg"] == "kept" {
			lines[l["tenant"].(string)] = l
		}
	}
	return lines, err
}

func (w *world) counts(tenant string) int {
	n, err := w.service(tenant).Mailbox("5001").Counts(w.t.Context())
	require.NoError(w.t, err)
	return n.New
}

func TestEveryTenantOfTheStorageIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, tenant := range []string{"one", "two"} {
			w.deposit(tenant)
			w.forget(tenant)
		}
		time.Sleep(20 * time.Hour)
		lines, err := w.keep()
		require.NoError(t, err)
		for _, tenant := range []string{"one", "two"} {
			assert.EqualValues(t, 1, lines[tenant]["erased"], "%s: what was forgotten", tenant)
			assert.EqualValues(t, 1, lines[tenant]["open"], "%s: the receipt waits", tenant)
			assert.Equal(t, 1, w.counts(tenant))
		}
		time.Sleep(5 * time.Hour)
		lines, err = w.keep()
		require.NoError(t, err)
		for _, tenant := range []string{"one", "two"} {
			assert.EqualValues(t, 1, lines[tenant]["receipts"], tenant)
			assert.EqualValues(t, 1, lines[tenant]["expired"], "%s: what has expired", tenant)
			assert.Zero(t, w.counts(tenant))
		}
	})
}

func TestABrokenPromiseIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deposit("one")
		w.forget("one")
		time.Sleep(48 * time.Hour)
		_, err := w.keep()
		assert.ErrorContains(t, err, "tenant one: cases that should have been erased by now: 1")
		assert.Zero(t, w.counts("one"), "it is erased all the same")
	})
}

func TestATenantThatFailsKeepsTheOthersFromNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deposit("one")
		w.deposit("two")
		time.Sleep(25 * time.Hour)
		w.store.Set(faultstore.Fault{Op: faultstore.List, Pattern: "v1/one/", Times: faultstore.Always})
		lines, err := w.keep()
		assert.ErrorIs(t, err, storage.ErrUnavailable)
		assert.ErrorContains(t, err, "tenant one: ")
		assert.NotContains(t, err.Error(), "tenant two: ")
		assert.EqualValues(t, 1, lines["two"]["expired"])
	})
}

func TestAStepThatFailsKeepsTheOthersFromNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deposit("one")
		time.Sleep(25 * time.Hour)
		w.store.Set(faultstore.Fault{Op: faultstore.List, Pattern: "v1/one/gdpr/", Times: faultstore.Always})
		lines, err := w.keep()
		assert.ErrorIs(t, err, storage.ErrUnavailable)
		assert.EqualValues(t, 1, lines["one"]["expired"])
	})
}

func TestDepositsThatWaitedForTheMasterRegionComeIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deposit("one")
		w.local = memstore.New(nil)
		svc := w.service("one")
		w.store.Set(faultstore.Fault{Times: faultstore.Always})
		msg, err := svc.Mailbox("5001").Deposit(t.Context(), strings.NewReader("RIFF hello"), nil)
		require.NoError(t, err)
		require.True(t, msg.State().Pending)
		other, err := svc.Mailbox("5002").Deposit(t.Context(), strings.NewReader("RIFF hello"), nil)
		require.NoError(t, err, "whether there is such a mailbox, the master region knows")
		w.store.Set()
		lines, err := w.keep()
		require.NoError(t, err)
		assert.EqualValues(t, 1, lines["one"]["synced"])
		assert.EqualValues(t, 1, lines["one"]["stuck"])
		assert.Contains(t, w.out.String(), string(other.ID()), "which one cannot be brought in")
		assert.Equal(t, 3, w.counts("one"))
	})
}

func TestAVolumeIsPreparedOnceAndOpenedEverAfter(t *testing.T) {
	dir := t.TempDir()
	volume := filepath.Join(dir, "volume")
	require.NoError(t, os.Mkdir(volume, 0o700))
	file := filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"storageInterface": "FileSystem", "mountPath": "`+volume+`"}`), 0o600))
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), &out, []string{"-config", file}), storage.ErrUnsuitable, "nothing is mounted")
	require.NoError(t, run(t.Context(), &out, []string{"-config", file, "-init"}))
	require.NoError(t, run(t.Context(), &out, []string{"-config", file, "-init"}))
	store, err := pvstore.Open(t.Context(), volume, nil)
	require.NoError(t, err)
	_, err = voicemail.Open(t.Context(), voicemail.OneRegion(store), &voicemail.Options{Tenant: "t100"})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	require.NoError(t, run(t.Context(), &out, []string{"-config", file}))
	assert.Contains(t, out.String(), `"tenant":"t100"`)
}

func TestWhatTheCommandLineCannotMeanIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"storageInterface": "S3", "currentRegion": "r", "regions": {"r": {"bucket": "voicemail"}}}`), 0o600))
	for want, args := range map[string][]string{
		"usage: upkeep":             {},
		"-delete":                   {"-config", file, "-delete"},
		"usage:":                    {"-config", file, "more"},
		"no such file":              {"-config", file + "x"},
		"only a volume is prepared": {"-config", file, "-init"},
	} {
		assert.ErrorContains(t, run(t.Context(), &bytes.Buffer{}, args), want)
	}
}
