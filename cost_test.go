package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// cost is what an operation asks of the storage.
type cost struct {
	create, open, stat, list, delete int
	trips                            int // calls that wait for each other: what the operation lasts if a call lasts 1
}

// roundTrip is how long a call of a priced store lasts, in the fake time of a synctest bubble.
const roundTrip = time.Second

// priced counts the calls and lets each one last a round trip. It hides the capabilities of the Store below.
type priced struct {
	storage.Store
	mu    sync.Mutex
	spent cost
}

func (p *priced) pay(count *int) {
	p.mu.Lock()
	*count++
	p.mu.Unlock()
	time.Sleep(roundTrip)
}

func (p *priced) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	p.pay(&p.spent.create)
	return p.Store.Create(ctx, key, body, opts)
}

func (p *priced) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	p.pay(&p.spent.open)
	return p.Store.Open(ctx, key, opts)
}

func (p *priced) Stat(ctx context.Context, key string) (storage.Info, error) {
	p.pay(&p.spent.stat)
	return p.Store.Stat(ctx, key)
}

func (p *priced) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	p.pay(&p.spent.list)
	return p.Store.List(ctx, opts)
}

func (p *priced) Delete(ctx context.Context, keys ...string) error {
	p.pay(&p.spent.delete)
	return p.Store.Delete(ctx, keys...)
}

// of returns what f costs.
func (p *priced) of(f func()) cost {
	p.mu.Lock()
	p.spent = cost{}
	p.mu.Unlock()
	start := time.Now()
	f()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent.trips = int(time.Since(start) / roundTrip)
	return p.spent
}

// shop is a tenant on a priced store.
type shop struct {
	t     *testing.T
	store *priced
	mem   *memstore.Store
	opts  *voicemail.Options
	svc   *voicemail.Service
	box   voicemail.Mailbox // 5001, whose settings are in the cache; Sales is another one
	last  time.Time         // when the last byte of a live recording was read
}

const tenPerPage = 10

func inShop(t *testing.T, f func(s *shop)) {
	synctest.Test(t, func(t *testing.T) {
		mem := memstore.New(nil)
		s := &shop{t: t, mem: mem, store: &priced{Store: mem}, opts: &voicemail.Options{Normalize: func(n string) string { return "+1" + n }}}
		s.reopen()
		for _, id := range []voicemail.MailboxID{"5001", "Sales"} {
			_, err := s.svc.CreateMailbox(t.Context(), id, nil)
			require.NoError(t, err)
			_, err = s.svc.Mailbox(id).Settings(t.Context())
			require.NoError(t, err)
		}
		s.box = s.svc.Mailbox("5001")
		_, err := s.svc.Settings(t.Context())
		require.NoError(t, err)
		f(s)
	})
}

// reopen begins with an empty cache.
func (s *shop) reopen() {
	var err error
	s.svc, err = voicemail.Open(s.t.Context(), voicemail.OneRegion(s.store), s.opts)
	require.NoError(s.t, err)
	s.box = s.svc.Mailbox("5001")
}

func (s *shop) ok(err error) { require.NoError(s.t, err) }

func (s *shop) deposit(caller string, size int) voicemail.Message {
	msg, err := s.box.Deposit(s.t.Context(), strings.NewReader(strings.Repeat("x", size)), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(caller)})
	s.ok(err)
	return msg
}

func (s *shop) message() voicemail.Message { return s.deposit("+15551234567", 1000) }

func (s *shop) greet() {
	_, err := s.svc.Greetings("5001").Set(s.t.Context(), voicemail.GreetingUnavailable, strings.NewReader("RIFF"), nil)
	s.ok(err)
}

// Read is a recording that is under way for a minute.
func (s *shop) Read(p []byte) (int, error) {
	if !s.last.IsZero() {
		return 0, io.EOF
	}
	time.Sleep(time.Minute)
	s.last = time.Now()
	return copy(p, "RIFF"), nil
}

// Every row of the table of costs in the design, and what it does not name. A row that gets cheaper is to be changed; one that gets dearer is a defect.
func TestCostsAreKept(t *testing.T) {
	known, national := voicemail.ParseCallerID("+15551234567"), voicemail.ParseCallerID("5551234567")
	depositing := func(o voicemail.DepositOptions) func(s *shop) func() {
		return func(s *shop) func() {
			return func() {
				_, err := s.box.Deposit(s.t.Context(), strings.NewReader("RIFF"), &o)
				s.ok(err)
			}
		}
	}
	on := func(f func(ctx context.Context, m voicemail.Message) error) func(s *shop) func() {
		return func(s *shop) func() {
			m := s.message()
			return func() { s.ok(f(s.t.Context(), m)) }
		}
	}
	off := func(before, f func(ctx context.Context, m voicemail.Message) error) func(s *shop) func() {
		return func(s *shop) func() {
			m := s.message()
			s.ok(before(s.t.Context(), m))
			return func() { s.ok(f(s.t.Context(), m)) }
		}
	}
	read := func(ctx context.Context, m voicemail.Message) error { return m.MarkRead(ctx) }
	trash := func(ctx context.Context, m voicemail.Message) error { return m.Trash(ctx) }
	note := func(ctx context.Context, m voicemail.Message) error {
		_, err := m.AddPart(ctx, voicemail.PartNote, strings.NewReader("call back"), nil)
		return err
	}
	urgent := func(yes bool) func(ctx context.Context, m voicemail.Message) error {
		return func(ctx context.Context, m voicemail.Message) error { return m.SetUrgent(ctx, yes) }
	}
	expiry := func(d time.Duration) func(ctx context.Context, m voicemail.Message) error {
		return func(ctx context.Context, m voicemail.Message) error { return m.SetExpiry(ctx, time.Now().Add(d)) }
	}

	for _, row := range []struct {
		name    string
		prepare func(s *shop) func()
		want    cost
		why     string
	}{
		{"deposit", depositing(voicemail.DepositOptions{Caller: known}), cost{create: 3, list: 1, trips: 3}, "index beside look, audio, metadata"},
		{"deposit with an ID", depositing(voicemail.DepositOptions{Caller: known, ID: voicemail.NewMessageID(time.Now())}),
			cost{create: 3, list: 1, stat: 1, trips: 3}, "was the ID deleted long ago?"},
		{"deposit of a withheld caller", depositing(voicemail.DepositOptions{}), cost{create: 2, list: 1, trips: 2}, "no index entry"},
		{"deposit of a number in two forms", depositing(voicemail.DepositOptions{Caller: national}), cost{create: 4, list: 1, trips: 3}, "an index entry each"},
		{"deposit, urgent and expiring", depositing(voicemail.DepositOptions{Caller: known, Urgent: true, Expires: time.Now().AddDate(1, 0, 0)}),
			cost{create: 5, list: 1, trips: 3}, "marks are created beside the audio"},
		{"deposit, cold", func(s *shop) func() {
			s.reopen()
			return func() { s.message() }
		}, cost{create: 3, list: 2, open: 1, trips: 4}, "the settings are read once in ten minutes; those of the tenant are listed once in two, beside the mailbox"},
		{"deposit under a quota of bytes", func(s *shop) func() {
			_, err := s.box.UpdateSettings(s.t.Context(), func(set *voicemail.Settings) error { set.MaxBytes = 1 << 20; return nil })
			s.ok(err)
			_, err = s.box.Settings(s.t.Context())
			s.ok(err)
			return func() { s.message() }
		}, cost{create: 3, list: 2, trips: 4}, "one more listing for each region"},

		{"count", func(s *shop) func() {
			s.message()
			return func() { _, err := s.box.Counts(s.t.Context()); s.ok(err) }
		}, cost{list: 1, trips: 1}, "nothing is opened"},

		{"mark read", on(read), cost{create: 1, list: 1, trips: 1}, "beside each other"},
		{"trash", on(trash), cost{create: 1, list: 1, trips: 1}, "likewise"},
		{"set urgent", on(urgent(true)), cost{create: 1, list: 1, trips: 1}, "likewise"},
		{"mark read by somebody", on(func(ctx context.Context, m voicemail.Message) error { return m.MarkReadBy(ctx, "ann") }),
			cost{create: 1, list: 1, trips: 1}, "who is in the mark"},
		{"first reader", off(read, func(ctx context.Context, m voicemail.Message) error { _, err := m.FirstReader(ctx); return err }),
			cost{open: 1, list: 1, trips: 1}, "beside each other"},
		{"mark read again", off(read, read), cost{create: 1, list: 1, trips: 1}, "no change costs the same"},
		{"mark unread", off(read, func(ctx context.Context, m voicemail.Message) error { return m.MarkUnread(ctx) }),
			cost{list: 2, delete: 1, trips: 3}, "a removal cannot be taken back, so a look is first; and one after it: is it about to go?"},
		{"restore", off(trash, func(ctx context.Context, m voicemail.Message) error { return m.Restore(ctx) }), cost{list: 2, delete: 1, trips: 3}, "likewise"},
		{"set not urgent", off(urgent(true), urgent(false)), cost{list: 2, delete: 1, trips: 3}, "likewise"},
		{"mark unread what is", on(func(ctx context.Context, m voicemail.Message) error { return m.MarkUnread(ctx) }), cost{list: 1, trips: 1}, "nothing to remove"},
		{"set expiry", on(expiry(time.Hour)), cost{create: 1, list: 2, trips: 2}, "then a look for earlier ones"},
		{"change expiry", off(expiry(time.Hour), expiry(2*time.Hour)), cost{create: 1, list: 3, delete: 1, trips: 4}, "and their removal"},

		{"read a message", func(s *shop) func() {
			m := s.message()
			s.reopen()
			return func() { _, err := s.box.Message(s.t.Context(), m.ID()); s.ok(err) }
		}, cost{list: 1, open: 1, trips: 2}, "cold"},
		{"read a message again", func(s *shop) func() {
			m := s.message()
			return func() { _, err := s.box.Message(s.t.Context(), m.ID()); s.ok(err) }
		}, cost{list: 1, trips: 1}, "metadata never changes; the listing says whether it is there"},

		{"start playing", on(func(ctx context.Context, m voicemail.Message) error { _, err := m.Open(ctx); return err }),
			cost{list: 1, open: 1, trips: 1}, "beside each other"},
		{"play", func(s *shop) func() {
			m := s.deposit("+15551234567", 600<<10)
			return func() {
				r, err := m.Open(s.t.Context())
				s.ok(err)
				_, err = io.Copy(io.Discard, r)
				s.ok(err)
			}
		}, cost{list: 3, open: 3, trips: 3}, "each range of 256 KiB anew"},
		{"jump while playing", func(s *shop) func() {
			m := s.deposit("+15551234567", 600<<10)
			r, err := m.Open(s.t.Context())
			s.ok(err)
			return func() {
				_, err := r.Seek(-10, io.SeekEnd)
				s.ok(err)
				_, err = io.ReadAll(r)
				s.ok(err)
			}
		}, cost{list: 1, open: 1, trips: 1}, "a Seek costs nothing"},

		{"delete", on(func(ctx context.Context, m voicemail.Message) error { return m.Delete(ctx) }),
			cost{create: 1, list: 3, delete: 3, trips: 7}, "look; gone mark; look; list and delete media; delete metadata; delete index and marks"},
		{"copy", on(func(ctx context.Context, m voicemail.Message) error {
			_, err := m.CopyTo(ctx, "Sales", nil)
			return err
		}),
			cost{create: 3, list: 4, open: 1, trips: 6}, "destination, source and its parts; index; source; read and write the audio; metadata"},
		{"move", on(func(ctx context.Context, m voicemail.Message) error { _, err := m.MoveTo(ctx, "Sales"); return err }),
			cost{create: 5, list: 7, open: 1, delete: 3, trips: 15}, "a claim, a copy, a look for parts that came late, and a deletion"},
		{"delete what was moved here", func(s *shop) func() {
			m, err := s.message().MoveTo(s.t.Context(), "Sales")
			s.ok(err)
			return func() { s.ok(m.Delete(s.t.Context())) }
		}, cost{create: 1, list: 4, delete: 3, trips: 8}, "a look where it came from: did the move break off?"},

		{"add a part", on(func(ctx context.Context, m voicemail.Message) error {
			_, err := m.AddPart(ctx, voicemail.PartTranscript, strings.NewReader("hello"), nil)
			return err
		}), cost{create: 1, list: 3, trips: 3}, "the parts beside a look; the part; a look"},
		{"add a part again", off(note, note), cost{list: 2, open: 1, trips: 2}, "the current one is the same"},
		{"list parts", off(note, func(ctx context.Context, m voicemail.Message) error { _, err := m.Parts(ctx); return err }),
			cost{list: 2, trips: 1}, "beside a look"},
		{"copy with a part", off(note, func(ctx context.Context, m voicemail.Message) error {
			_, err := m.CopyTo(ctx, "Sales", nil)
			return err
		}), cost{create: 4, list: 4, open: 2, trips: 6}, "beside the audio"},
		{"move what was read", off(read, func(ctx context.Context, m voicemail.Message) error { _, err := m.MoveTo(ctx, "Sales"); return err }),
			cost{create: 6, list: 7, open: 2, delete: 3, trips: 17}, "who read it goes along"},
		{"copy with a comment", on(func(ctx context.Context, m voicemail.Message) error {
			_, err := m.CopyTo(ctx, "Sales", &voicemail.CopyOptions{Note: "for you"})
			return err
		}), cost{create: 4, list: 4, open: 1, trips: 6}, "beside the audio"},
		{"move with a part", off(note, func(ctx context.Context, m voicemail.Message) error { _, err := m.MoveTo(ctx, "Sales"); return err }),
			cost{create: 6, list: 7, open: 2, delete: 3, trips: 15}, "likewise"},

		{"create a mailbox", func(s *shop) func() {
			return func() { _, err := s.svc.CreateMailbox(s.t.Context(), "new", nil); s.ok(err) }
		}, cost{create: 1, list: 1, trips: 2}, "look, then create"},
		{"update settings", func(s *shop) func() {
			return func() {
				_, err := s.box.UpdateSettings(s.t.Context(), func(*voicemail.Settings) error { return nil })
				s.ok(err)
			}
		}, cost{create: 1, list: 1, trips: 2}, "the old ones are in the cache"},
		{"list mailboxes", func(s *shop) func() {
			return func() {
				for _, err := range s.svc.Mailboxes(s.t.Context()) {
					s.ok(err)
				}
			}
		}, cost{list: 3, trips: 3}, "one for all and one for each of two"},
		{"open", func(s *shop) func() { return s.reopen }, cost{open: 1, stat: 1, trips: 2}, "the key, and is the region recorded?"},
		{"ping", func(s *shop) func() { return func() { s.ok(s.svc.Ping(s.t.Context())) } }, cost{create: 1, open: 1, delete: 1, trips: 3}, "of a storage that cannot ping by itself"},
		{"set a greeting", func(s *shop) func() {
			return func() { s.greet() }
		}, cost{create: 2, list: 3, trips: 4}, "the mailbox beside its greetings, recording, document, and is the mailbox still there?"},
		{"choose a greeting, cold", func(s *shop) func() {
			s.greet()
			s.reopen()
			return func() { _, err := s.svc.Greetings("5001").For(s.t.Context(), voicemail.GreetingBusy); s.ok(err) }
		}, cost{list: 2, open: 1, trips: 2}, "and the last of each kind, all at once"},
		{"choose and play a greeting", func(s *shop) func() {
			g := s.svc.Greetings("5001")
			s.greet()
			return func() {
				one, err := g.For(s.t.Context(), voicemail.GreetingBusy)
				s.ok(err)
				r, err := g.Open(s.t.Context(), one)
				s.ok(err)
				_, err = io.ReadAll(r)
				s.ok(err)
			}
		}, cost{list: 6, open: 1, trips: 3}, "each range beside a look whether the revision is still kept"},

		{"maintain with nothing to do", func(s *shop) func() {
			for range 5 {
				s.message()
			}
			return func() { _, err := s.svc.Maintain(s.t.Context()); s.ok(err) }
		}, cost{list: 11, trips: 11}, "pending deposits, the tenant's settings, mailboxes, each of the two, audio, probes, index, owners, greetings, PINs"},
		{"maintain under retention", func(s *shop) func() {
			_, err := s.svc.UpdateSettings(s.t.Context(), func(t *voicemail.TenantSettings) error { t.Retention.Days = 7; return nil })
			s.ok(err)
			for range 5 {
				s.message()
			}
			time.Sleep(72 * time.Hour)
			return func() { _, err := s.svc.Maintain(s.t.Context()); s.ok(err) }
		}, cost{list: 13, open: 2, trips: 15}, "the settings of the tenant and of the mailbox; what is young is not opened. It is listed for its audio, and for its index entries"},
		{"deposit into a full mailbox that drops", func(s *shop) func() {
			s.ok(s.message().MarkRead(s.t.Context()))
			_, err := s.box.UpdateSettings(s.t.Context(), func(set *voicemail.Settings) error {
				set.MaxMessages, set.WhenFull = 1, voicemail.DropOldestRead
				return nil
			})
			s.ok(err)
			return func() { s.message() }
		}, cost{create: 4, list: 4, delete: 3, trips: 10}, "a listing and a deletion more"},
		{"usage of a mailbox", func(s *shop) func() {
			s.message()
			return func() { _, err := s.box.Usage(s.t.Context()); s.ok(err) }
		}, cost{list: 3, trips: 2}, "the mailbox beside the tenant's settings, then the recordings"},
		{"aging", func(s *shop) func() {
			_, err := s.svc.UpdateSettings(s.t.Context(), func(t *voicemail.TenantSettings) error { t.Retention.Days = 7; return nil })
			s.ok(err)
			for range 5 {
				s.message()
			}
			s.reopen()
			return func() {
				n := 0
				for _, err := range s.svc.Aging(s.t.Context(), time.Now().AddDate(0, 0, 6)) {
					s.ok(err)
					n++
				}
				assert.Equal(s.t, 0, n)
				for _, err := range s.svc.Aging(s.t.Context(), time.Now().AddDate(0, 0, 8)) {
					s.ok(err)
					n++
				}
				assert.Equal(s.t, 5, n)
			}
		}, cost{list: 8, open: 7, trips: 11}, "twice the tenant's settings, the mailboxes, and each of two; each metadata once, in parallel"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inShop(t, func(s *shop) {
				assert.Equal(t, row.want, s.store.of(row.prepare(s)), row.why)
			})
		})
	}
}

func TestALiveRecordingIsCommittedTwoTripsAfterItsLastByte(t *testing.T) {
	for id, want := range map[voicemail.MessageID]int{"": 2, voicemail.NewMessageID(time.Now()): 3} {
		inShop(t, func(s *shop) {
			spent := s.store.of(func() {
				_, err := s.box.Deposit(t.Context(), s, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15551234567"), ID: id})
				s.ok(err)
			})
			assert.Equal(t, want, int(time.Since(s.last)/roundTrip), "one more for a given ID: was it deleted long ago?")
			assert.Equal(t, [3]int{3, 1, want - 2}, [3]int{spent.create, spent.list, spent.stat})
		})
	}
}

func TestCountsCostOneListingForEachPage(t *testing.T) {
	inShop(t, func(s *shop) {
		s.store.Store = memstore.New(&memstore.Options{PageSize: tenPerPage})
		s.reopen()
		_, err := s.svc.CreateMailbox(t.Context(), "5001", nil)
		s.ok(err)
		for range 24 {
			s.message()
		}
		assert.Equal(t, cost{list: 3, trips: 3}, s.store.of(func() {
			n, err := s.box.Counts(t.Context())
			s.ok(err)
			assert.Equal(t, 24, n.New)
		}), "24 messages and the settings are 25 names")
	})
}

func TestAPageOfMessagesIsReadInParallelAndThenFromTheCache(t *testing.T) {
	inShop(t, func(s *shop) {
		for range 60 {
			s.message()
		}
		s.reopen()
		page := func() {
			n := 0
			for _, err := range s.box.Messages(t.Context(), &voicemail.ListOptions{Limit: 25}) {
				s.ok(err)
				n++
			}
			assert.Equal(t, 25, n)
		}
		assert.Equal(t, cost{list: 1, open: 25, trips: 3}, s.store.of(page), "cold: a listing, then 16 and 9 at a time")
		assert.Equal(t, cost{list: 1, trips: 1}, s.store.of(page), "warm: a listing")
	})
}

func TestBreakingOffAListingReadsNoFurther(t *testing.T) {
	inShop(t, func(s *shop) {
		for range 60 {
			s.message()
		}
		s.reopen()
		spent := s.store.of(func() {
			for _, err := range s.box.Messages(t.Context(), nil) {
				s.ok(err)
				break
			}
		})
		assert.Equal(t, cost{list: 1, open: 25, trips: 3}, spent, "no more than what is read ahead")
	})
}

func TestFindingACallerCostsTheSameAmongAnyNumberOfMailboxes(t *testing.T) {
	for _, mailboxes := range []int{10, 1000} {
		inShop(t, func(s *shop) {
			ctx := t.Context()
			for i := range mailboxes {
				box, err := s.svc.CreateMailbox(ctx, voicemail.MailboxID(fmt.Sprintf("box-%d", i)), nil)
				s.ok(err)
				for k := range 2 {
					_, err = box.Deposit(ctx, strings.NewReader("RIFF"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(fmt.Sprintf("+1555%03d%04d", k, i))})
					s.ok(err)
				}
			}
			const caller = "+15559876543"
			for range 3 {
				s.deposit(caller, 10)
			}
			find := func(want int) func() {
				return func() {
					n := 0
					for _, err := range s.svc.FindByCaller(ctx, voicemail.ParseCallerID(caller)) {
						s.ok(err)
						n++
					}
					assert.Equal(t, want, n)
				}
			}
			s.reopen()
			assert.Equal(t, cost{list: 5, open: 3, trips: 3}, s.store.of(find(3)), "the index twice; a look and a read for each, all at once")
			assert.Equal(t, cost{list: 5, trips: 3}, s.store.of(find(3)), "warm: a look for each")
			for range 37 {
				s.deposit(caller, 10)
			}
			s.reopen()
			assert.Equal(t, cost{list: 42, open: 40, trips: 5}, s.store.of(find(40)), "16 at a time")
		})
	}
}

// The index key is made once, with a look that there are no entries of a lost one.
func TestProvisioningATenantCostsSixTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &priced{Store: memstore.New(nil)}
		spent := st.of(func() {
			_, err := voicemail.Open(t.Context(), voicemail.OneRegion(st), nil)
			require.NoError(t, err)
		})
		assert.Equal(t, cost{create: 2, open: 2, stat: 1, list: 1, trips: 6}, spent)
	})
}

// What is refused is refused early: a mailbox that is full costs no audio.
func TestADepositThatIsRefusedStoresNoAudio(t *testing.T) {
	inShop(t, func(s *shop) {
		_, err := s.box.UpdateSettings(t.Context(), func(set *voicemail.Settings) error { set.Disabled = true; return nil })
		s.ok(err)
		_, err = s.box.Settings(t.Context())
		s.ok(err)
		spent := s.store.of(func() {
			_, err := s.box.Deposit(t.Context(), strings.NewReader("RIFF"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15551234567")})
			require.ErrorIs(t, err, voicemail.ErrDisabled)
			var lost *voicemail.DepositError
			require.True(t, errors.As(err, &lost))
			s.ok(lost.Audio.Close())
		})
		assert.Equal(t, cost{create: 1, list: 1, delete: 1, trips: 2}, spent, "the index entry is made beside the look, and taken back")
	})
}
