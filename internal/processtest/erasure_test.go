//go:build unix

package processtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

const (
	erasures       = 200 // rounds
	erasuresBeside = 4   // rounds at the same time
	oneCase        = "case 1"
	master         = "frankfurt"
	// due is when the erasure is due, receipted when its receipt may be written; both after the request.
	due        = gdpr.DefaultPromise
	receipted  = due + gdpr.Settle + time.Minute
	forgotten  = 724_681_935 // the caller: digits that are nowhere by chance
	neighbour  = 518_364_297 // another one
	deposits   = 140
	copies     = deposits / 4
	waiting    = 25 // deposits that wait for the master region
	neighbours = 12
)

// atlas is a tenant on three volumes. It goes to processes as JSON.
type atlas struct {
	Dirs map[string]string // by region
	// Ahead is by how much the clock is ahead.
	Ahead time.Duration
}

// under has the volumes in a directory.
func under(dir string, ahead time.Duration) atlas {
	a := atlas{Dirs: map[string]string{}, Ahead: ahead}
	for _, region := range []string{master, "oregon", "tokyo"} {
		a.Dirs[region] = filepath.Join(dir, region)
	}
	return a
}

// open opens the tenant's voicemail in a region. wrap may put something around the stores.
func (a atlas) open(ctx context.Context, local string, wrap func(region string, s storage.Store) storage.Store) (*voicemail.Service, error) {
	stores := map[string]storage.Store{}
	for region, dir := range a.Dirs {
		s, err := pvstore.Open(ctx, dir, nil)
		if err != nil {
			return nil, err
		}
		stores[region] = s
		if wrap != nil {
			stores[region] = wrap(region, s)
		}
	}
	return voicemail.Open(ctx, voicemail.Regions{Master: master, Local: local, Stores: stores}, &voicemail.Options{
		Now: func() time.Time { return time.Now().Add(a.Ahead) },
	})
}

// controller opens the tenant's data protection.
func (a atlas) controller(ctx context.Context) (*gdpr.Controller, *voicemail.Service, error) {
	svc, err := a.open(ctx, master, nil)
	if err != nil {
		return nil, nil, err
	}
	c, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 1000 * time.Hour})
	return c, svc, err
}

// sweepOnce is a process that sweeps once.
func sweepOnce(ctx context.Context, p parent) error {
	var a atlas
	if err := p.in.Decode(&a); err != nil {
		return err
	}
	c, _, err := a.controller(ctx)
	if err != nil {
		return err
	}
	if err := p.out.Encode(true); err != nil {
		return err
	}
	_, err = c.Sweep(ctx)
	return errors.Join(err, p.out.Encode(true))
}

func TestAKilledSweepIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	k := &killer{dir: memory(t), seed: rand.Uint64()}
	k.requested = filepath.Join(k.dir, "requested")
	require.NoError(t, os.Mkdir(k.requested, 0o700))
	request(t, under(k.requested, 0))
	t.Logf("seed %d", k.seed)
	k.measure(t)
	var wg sync.WaitGroup
	for slot := range erasuresBeside {
		wg.Go(func() {
			for round := slot; round < erasures && !t.Failed(); round += erasuresBeside {
				if err := k.round(t, round); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d rounds: %+v", erasures, k.tally)
	assert.Greater(t, k.tally.Amid, erasures/4, "few sweeps were killed while they erased")
	assert.Greater(t, k.tally.BeforeReceipt, erasures/8, "few sweeps were killed before they wrote the receipt")
	assert.Greater(t, k.tally.AfterReceipt, erasures/8, "few sweeps were killed between the receipt and its end")
}

// memory returns a directory in memory if there is such. What is not on disk yet outlives a process as well as what is, so nothing is gained by waiting for a disk.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "erasure")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// request provisions the volumes, leaves the messages of two callers there, and forgets one.
func request(t *testing.T, a atlas) {
	ctx := t.Context()
	for _, dir := range a.Dirs {
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, pvstore.Init(ctx, dir))
	}
	regions := []string{master, "oregon", "tokyo"}
	services := map[string]*voicemail.Service{}
	for _, region := range regions {
		svc, err := a.open(ctx, region, nil)
		require.NoError(t, err)
		services[region] = svc
	}
	box := func(i int) voicemail.MailboxID { return voicemail.MailboxID(fmt.Sprintf("box-%d", i%10)) }
	for i := range 10 {
		_, err := services[master].CreateMailbox(ctx, box(i), nil)
		require.NoError(t, err)
	}
	local := func(i int) *voicemail.Service { return services[regions[i%len(regions)]] }
	for i := range deposits {
		msg, err := origin{i, forgotten}.deposit(ctx, local(i).Mailbox(box(i)), voicemail.DepositOptions{Urgent: i%5 == 0})
		require.NoError(t, err)
		switch i % 4 {
		case 0:
			require.NoError(t, msg.MarkRead(ctx))
		case 1:
			require.NoError(t, msg.Trash(ctx))
		case 2:
			read, err := local(i+1).Mailbox(box(i)).Message(ctx, msg.ID())
			require.NoError(t, err)
			_, err = read.CopyTo(ctx, box(i+3), nil)
			require.NoError(t, err)
		}
	}
	for i := range neighbours {
		_, err := origin{1000 + i, neighbour}.deposit(ctx, local(i).Mailbox(box(i)), voicemail.DepositOptions{})
		require.NoError(t, err)
	}
	down := faultstore.Fault{Times: faultstore.Always}
	svc, err := a.open(ctx, "tokyo", func(region string, s storage.Store) storage.Store {
		if region == master {
			return faultstore.New(s, down)
		}
		return s
	})
	require.NoError(t, err)
	for i := range waiting {
		_, err := origin{2000 + i, forgotten}.deposit(ctx, svc.Mailbox(box(i)), voicemail.DepositOptions{})
		require.NoError(t, err)
	}

	c, _, err := a.controller(ctx)
	require.NoError(t, err)
	r, err := c.ForgetMe(ctx, &gdpr.Request{
		CaseID: oneCase, Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone(origin{0, forgotten}.caller().Reveal())}}},
	})
	require.NoError(t, err)
	require.Equal(t, deposits+copies+waiting, len(r.Phones[0].Messages))
}

// killer kills processes that sweep, each round in a copy of the same volumes.
type killer struct {
	dir          string // for all volumes
	requested    string // the volumes after the request
	seed         uint64
	erase, close time.Duration // how long the two sweeps of a case take

	mu    sync.Mutex
	tally struct{ Kills, TooLate, Amid, BeforeReceipt, AfterReceipt int }
}

// measure has a case carried out by processes that nobody kills.
func (k *killer) measure(t *testing.T) {
	dir := filepath.Join(k.dir, "unharmed")
	require.NoError(t, os.CopyFS(dir, os.DirFS(k.requested)))
	for _, step := range []struct {
		at   time.Duration
		last *time.Duration
	}{{due, &k.erase}, {receipted, &k.close}} {
		c, err := start(t, "sweep", under(dir, step.at))
		require.NoError(t, err)
		require.NoError(t, c.ready())
		began := time.Now()
		require.NoError(t, c.ready(), "the end of the sweep")
		*step.last = time.Since(began)
		require.NoError(t, c.cmd.Wait())
	}
	require.NoError(t, check(t, dir))
	t.Logf("unharmed, the sweep that erases takes %v, the one that writes the receipt %v", k.erase, k.close)
}

// round kills one or two processes while they erase, and one or two while they write the receipt, beside each other or one after the other. After each kind,
// one sweep that nobody kills finishes.
func (k *killer) round(t *testing.T, round int) error {
	rng := rand.New(rand.NewPCG(k.seed, uint64(round)))
	dir := filepath.Join(k.dir, strconv.Itoa(round))
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(k.requested)); err != nil {
		return err
	}
	for _, step := range []struct{ at, lasts time.Duration }{{due, k.erase}, {receipted, k.close}} {
		moment := func() func(context.Context) {
			if step.at == receipted && rng.IntN(2) == 0 {
				return func(ctx context.Context) { receiptWritten(ctx, dir) }
			}
			d := time.Duration(rng.Int64N(int64(step.lasts)))
			return func(ctx context.Context) { wait(ctx, d) }
		}
		for _, n := range [][]int{{1}, {1}, {2}, {1, 1}}[rng.IntN(4)] {
			if err := k.kill(t, under(dir, step.at), n, moment); err != nil {
				return err
			}
			if err := k.note(dir, step.at); err != nil {
				return err
			}
		}
		c, _, err := under(dir, step.at).controller(t.Context())
		if err != nil {
			return err
		}
		if _, err := c.Sweep(t.Context()); err != nil {
			return fmt.Errorf("the next sweep: %w", err)
		}
	}
	return check(t, dir)
}

// wait waits for so long, or until ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// receiptWritten waits until there is a receipt, or ctx is done.
func receiptWritten(ctx context.Context, dir string) {
	for ctx.Err() == nil {
		if names, _ := filepath.Glob(filepath.Join(dir, master, "v1/default/gdpr/receipt/0*")); len(names) > 0 {
			return
		}
		wait(ctx, 100*time.Microsecond)
	}
}

// kill kills n processes that sweep beside each other, each at a moment of its own.
func (k *killer) kill(t *testing.T, a atlas, n int, moment func() func(context.Context)) error {
	var victims []*child
	var wg sync.WaitGroup
	defer wg.Wait()
	for range n {
		c, err := start(t, "sweep", a)
		if err != nil {
			return err
		}
		if err := c.ready(); err != nil {
			return err
		}
		ctx, ended := context.WithCancel(t.Context())
		defer ended()
		wait := moment()
		wg.Go(func() {
			wait(ctx)
			_ = c.cmd.Process.Kill()
		})
		victims = append(victims, c)
	}
	for _, c := range victims {
		err := c.out.Decode(new(bool))
		_ = c.cmd.Wait()
		k.mu.Lock()
		if err == nil {
			k.tally.TooLate++
		} else {
			k.tally.Kills++
		}
		k.mu.Unlock()
		if code := c.cmd.ProcessState.ExitCode(); code > 0 {
			return fmt.Errorf("the process ended by itself, with code %d", code)
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	return nil
}

// note counts how far the killed processes came.
func (k *killer) note(dir string, at time.Duration) error {
	count := func(pattern string) (int, error) {
		names, err := filepath.Glob(filepath.Join(dir, master, "v1/default", pattern))
		return len(names), err
	}
	messages, err1 := count("box/*/*.vm.json")
	receipts, err2 := count("gdpr/receipt/*")
	open, err3 := count("gdpr/due/*")
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case at == due && messages > neighbours && messages < deposits+copies+neighbours:
		k.tally.Amid++
	case at == receipted && receipts == 0:
		k.tally.BeforeReceipt++
	case at == receipted && open > 0:
		k.tally.AfterReceipt++
	}
	return cmp.Or(err1, err2, err3)
}

// check demands that the case is closed, with one receipt, that nothing is left of the caller on any volume, and that the other caller's messages are whole.
func check(t *testing.T, dir string) error {
	ctx := t.Context()
	a := under(dir, receipted)
	c, svc, err := a.controller(ctx)
	if err != nil {
		return err
	}
	s, err := c.Status(ctx, oneCase)
	if err != nil || s.State != gdpr.StateClosed {
		return fmt.Errorf("the case is %s: %w", s.State, err)
	}
	receipts := 0
	for r, err := range c.Receipts(ctx) {
		if err != nil {
			return err
		}
		receipts++
		slices.Sort(r.Messages)
		if n := len(slices.Compact(r.Messages)); r.CaseID != oneCase || n != deposits+copies+waiting {
			return broken("receipt %d names %d messages", r.Number, n)
		}
	}
	if receipts != 1 {
		return broken("there are %d receipts of one case", receipts)
	}
	found, err := origin{0, neighbour}.find(ctx, svc)
	if err != nil || len(found) != neighbours {
		return fmt.Errorf("%w: %d of the other caller's messages are there, of %d", cmp.Or(err, errRule), len(found), neighbours)
	}
	scan := rawscan.Scan{Tenant: "default", Numbers: []string{origin{0, forgotten}.caller().Reveal()}, More: map[string]rawscan.Source{}, Stores: map[string]storage.Store{}}
	for region, dir := range a.Dirs {
		scan.More[region+" as files"] = rawscan.Dir(dir)
		err := filepath.WalkDir(filepath.Join(dir, "v1"), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && slices.ContainsFunc([]string{"/pending/", "/gdpr/subject/", "/gdpr/due/", "/gdpr/journal/"}, func(folder string) bool {
				return strings.Contains(path, folder)
			}) {
				err = broken("of the closed case there is still %s", strings.TrimPrefix(path, dir))
			}
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if scan.Stores[master], err = pvstore.Open(ctx, a.Dirs[master], nil); err != nil { // has the key, by which the numbers are hashed
		return err
	}
	for i := range deposits {
		scan.Audio = append(scan.Audio, origin{i, forgotten}.audio())
	}
	for i := range waiting {
		scan.Audio = append(scan.Audio, origin{2000 + i, forgotten}.audio())
	}
	left, err := scan.Run(ctx)
	if err == nil && len(left) > 0 {
		err = broken("%d traces are left, such as %v", len(left), left[0])
	}
	return err
}
