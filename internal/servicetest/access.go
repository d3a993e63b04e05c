package servicetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

func accessRules() []rule {
	return []rule{
		{"APINOpensItsMailboxAndNoOther", "a mailbox is as private as its PIN", pinOpens},
		{"AMailboxWithoutAPINIsClosed", "a mailbox that anybody may enter is nobody's", pinMissing},
		{"TheDefaultPINIsTheMailboxNumberWhereThatIsChosen", "users of the documented product come in by it the first time", pinDefault},
		{"AfterTheLastTryTheMailboxIsLockedForItsTime", "ten thousand PINs are tried in an hour", pinLocks},
		{"TheRightPINBeginsTheCountAnew", "a user who mistypes once a day must not be locked out in the end", pinForgives},
		{"AnAdministratorEndsALock", "the user at the desk cannot wait for ten minutes", pinUnlocked},
		{"AChangeNeedsTheOldPIN", "an unattended telephone must not give the mailbox away", pinChanged},
		{"AWeakPINIsRefused", "most people choose one of twenty PINs", pinWeak},
		{"OfAMailboxThatDoesNotExistStrangersLearnNothing", "a list of mailboxes is the first half of a break-in", pinStranger},
		{"OfManyAtOnceNoMoreGetAnAnswerThanTriesAreLeft", "a bound that parallel calls get round is none", pinRace},
		{"AStrongerHashTakesThePlaceOfAWeakerOne", "parameters are raised over the years, and nobody types a new PIN for it", pinRehashed},
		{"AMailboxThatIsCreatedAgainInheritsNoPIN", "the new owner must not be let in by, or locked out after, the old one", pinInherits},
		{"MaintainKeepsWhatCountsOfAccess", "a log of every login for ever is a long listing, and one that forgets gives tries away", pinMaintained},
		{"ADamagedPINOpensNothing", "a record that cannot be read must not be taken for no PIN", pinDamaged},
		{"NothingOfAPINIsStoredOrSaid", "people use one PIN for everything", pinSecret},
	}
}

const lockFor = 10 * time.Minute

// cheap are parameters with which a hash takes no time.
var cheap = access.Argon2{Memory: 8, Time: 1, Threads: 1}

// door opens the PINs of a service.
func (e *env) door(svc *voicemail.Service, change ...func(*access.Options)) *access.Access {
	e.Helper()
	o := access.Options{Argon2: cheap}
	for _, c := range change {
		c(&o)
	}
	door, err := access.New(svc, &o)
	require.NoError(e, err)
	return door
}

func (e *env) pin(digits string) access.PIN {
	e.Helper()
	pin, err := access.ParsePIN(digits)
	require.NoError(e, err)
	return pin
}

// enters demands that the PIN opens the mailbox.
func (e *env) enters(door *access.Access, id voicemail.MailboxID, digits string) access.Result {
	e.Helper()
	r, err := door.Verify(e.ctx, id, e.pin(digits))
	require.NoError(e, err)
	return r
}

// fails demands that the PIN is wrong, and returns how many tries are left.
func (e *env) fails(door *access.Access, id voicemail.MailboxID, digits string) int {
	e.Helper()
	_, err := door.Verify(e.ctx, id, e.pin(digits))
	var wrong *access.WrongPINError
	require.ErrorAs(e, err, &wrong)
	require.ErrorIs(e, err, access.ErrWrongPIN)
	return wrong.Left
}

// shut demands that the mailbox is locked, and returns until when.
func (e *env) shut(door *access.Access, id voicemail.MailboxID, digits string) time.Time {
	e.Helper()
	_, err := door.Verify(e.ctx, id, e.pin(digits))
	var locked *access.LockedError
	require.ErrorAs(e, err, &locked)
	require.ErrorIs(e, err, access.ErrLocked)
	return locked.Until
}

func (e *env) entry(door *access.Access, id voicemail.MailboxID) access.Status {
	e.Helper()
	st, err := door.Status(e.ctx, id)
	require.NoError(e, err)
	return st
}

func pinOpens(e *env) {
	e.mailbox("5001")
	e.mailbox("5002")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	require.NoError(e, door.Set(e.ctx, "5002", e.pin("8350"), &access.SetOptions{MustChange: true}))
	require.Equal(e, access.Result{}, e.enters(door, "5001", "0417"))
	require.Equal(e, access.Result{MustChange: true}, e.enters(e.door(e.open()), "5002", "8350"), "as another process sees it")
	require.Equal(e, 3, e.fails(door, "5001", "8350"), "another mailbox's")
	require.Equal(e, 2, e.fails(door, "5001", "00417"))
	require.Equal(e, access.Status{Set: true, Left: 2}, e.entry(door, "5001"))
	require.Equal(e, access.Status{Set: true, MustChange: true, Left: 4}, e.entry(door, "5002"))
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("7294"), nil))
	require.Equal(e, 3, e.fails(door, "5001", "0417"), "the one before")
	e.enters(door, "5001", "7294")
}

func pinMissing(e *env) {
	e.mailbox("5001")
	door := e.door(e.service())
	none := func() {
		e.Helper()
		for range 6 {
			_, err := door.Verify(e.ctx, "5001", e.pin("5001"))
			require.ErrorIs(e, err, access.ErrNoPIN)
		}
		require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("5001"), e.pin("0417")), access.ErrNoPIN)
		require.Equal(e, access.Status{Left: 4}, e.entry(door, "5001"))
	}
	none()
	require.Empty(e, e.names(e.keysOf("5001").Access()))
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	e.fails(door, "5001", "0000")
	require.NoError(e, door.Clear(e.ctx, "5001"))
	none()
	_, err := door.Verify(e.ctx, "5001", access.PIN{})
	require.ErrorIs(e, err, voicemail.ErrInvalid)
}

func pinDefault(e *env) {
	e.mailbox("5001")
	e.mailbox("sales")
	e.mailbox("12")
	byNumber := func(o *access.Options) { o.Default, o.MustChangeDefault = access.MailboxNumber, true }
	door := e.door(e.service(), byNumber)
	require.Equal(e, access.Result{MustChange: true}, e.enters(door, "5001", "5001"))
	require.Equal(e, 3, e.fails(door, "5001", "5002"))
	require.Equal(e, access.Status{MustChange: true, Left: 3}, e.entry(door, "5001"))
	require.False(e, e.enters(e.door(e.service(), func(o *access.Options) { o.Default = access.MailboxNumber }), "5001", "5001").MustChange)
	require.NoError(e, door.Change(e.ctx, "5001", e.pin("5001"), e.pin("0417")))
	require.Equal(e, 3, e.fails(door, "5001", "5001"), "the default ends with the first PIN")
	require.False(e, e.enters(door, "5001", "0417").MustChange)
	require.NoError(e, door.Clear(e.ctx, "5001"))
	for left := range 4 {
		require.Equal(e, 3-left, e.fails(door, "5001", "0417"))
	}
	e.shut(door, "5001", "5001")
	e.pass(lockFor)
	e.enters(door, "5001", "5001")
	for _, id := range []voicemail.MailboxID{"sales", "12"} {
		_, err := door.Verify(e.ctx, id, e.pin("1212"))
		require.ErrorIs(e, err, access.ErrNoPIN, "no PIN is like the ID of %s", id)
	}
}

func pinLocks(e *env) {
	e.mailbox("5001")
	e.mailbox("5002")
	var told []voicemail.EventKind
	svc := e.open(func(o *voicemail.Options) { o.Observer = func(ev voicemail.Event) { told = append(told, ev.Kind) } })
	door := e.door(svc)
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	require.NoError(e, door.Set(e.ctx, "5002", e.pin("0417"), nil))
	for window := range 3 {
		start := e.clock.now()
		for left := range 4 {
			require.Equal(e, 3-left, e.fails(door, "5001", fmt.Sprintf("%d%03d", window+1, left)))
		}
		until := e.shut(door, "5001", "0417")
		require.Equal(e, time.UTC, until.Location())
		require.WithinRange(e, until, start.Add(lockFor-time.Minute), e.clock.now().Add(lockFor+time.Minute))
		require.Equal(e, access.Status{Set: true, LockedUntil: until}, e.entry(door, "5001"))
		require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("0417"), e.pin("7294")), access.ErrLocked)
		before := e.names(e.keysOf("5001").Access())
		e.pass(lockFor - time.Minute)
		for range 3 {
			require.Equal(e, until, e.shut(e.door(e.open()), "5001", "0417"), "nothing that is tried meanwhile makes it longer")
		}
		require.Equal(e, before, e.names(e.keysOf("5001").Access()), "nor leaves anything")
		e.enters(door, "5002", "0417")
		e.pass(time.Minute + time.Second)
		require.Equal(e, access.Status{Set: true, Left: 4}, e.entry(door, "5001"))
	}
	e.enters(door, "5001", "0417")
	require.Equal(e, []voicemail.EventKind{
		voicemail.EventPINSet, voicemail.EventPINSet, voicemail.EventPINLocked, voicemail.EventPINLocked, voicemail.EventPINLocked,
	}, told)

	strict := e.door(svc, func(o *access.Options) { o.Attempts, o.Lock = 1, time.Hour })
	require.Zero(e, e.fails(strict, "5002", "1111"))
	e.shut(strict, "5002", "0417")
	e.pass(59 * time.Minute)
	e.shut(strict, "5002", "0417")
	e.pass(2 * time.Minute)
	e.enters(strict, "5002", "0417")
}

func pinForgives(e *env) {
	e.mailbox("5001")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	for range 4 {
		for left := range 3 {
			require.Equal(e, 3-left, e.fails(door, "5001", "1111"))
		}
		e.enters(door, "5001", "0417")
	}
	require.Equal(e, access.Status{Set: true, Left: 4}, e.entry(door, "5001"))
}

func pinUnlocked(e *env) {
	e.mailbox("5001")
	door := e.door(e.service())
	lock := func() {
		for range 4 {
			e.fails(door, "5001", "1111")
		}
		e.shut(door, "5001", "0417")
	}
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	require.NoError(e, door.Unlock(e.ctx, "5001"), "when there is nothing to unlock")
	lock()
	require.NoError(e, door.Unlock(e.ctx, "5001"))
	e.enters(door, "5001", "0417")
	lock()
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("7294"), nil))
	require.Equal(e, 3, e.fails(door, "5001", "0417"))
	require.NoError(e, door.Unlock(e.ctx, "5001"))
	require.Equal(e, access.Status{Set: true, Left: 4}, e.entry(door, "5001"), "failures are forgiven, too")
}

func pinChanged(e *env) {
	e.mailbox("5001")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), &access.SetOptions{MustChange: true}))
	require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("1111"), e.pin("7294")), access.ErrWrongPIN)
	require.Equal(e, 3, e.entry(door, "5001").Left)
	require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("0417"), e.pin("0417")), access.ErrWeakPIN)
	require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("0417"), e.pin("5001")), access.ErrWeakPIN)
	require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("0417"), access.PIN{}), voicemail.ErrInvalid)
	require.ErrorIs(e, door.Change(e.ctx, "5001", access.PIN{}, e.pin("7294")), voicemail.ErrInvalid)
	require.Equal(e, access.Status{Set: true, MustChange: true, Left: 3}, e.entry(door, "5001"), "a new PIN that cannot be costs no try")
	require.NoError(e, door.Change(e.ctx, "5001", e.pin("0417"), e.pin("7294")))
	require.Equal(e, access.Result{}, e.enters(door, "5001", "7294"))
	for range 4 {
		require.ErrorIs(e, door.Change(e.ctx, "5001", e.pin("0417"), e.pin("8350")), access.ErrWrongPIN)
	}
	e.shut(door, "5001", "7294")

	errs := make([]error, 4)
	e.pass(lockFor)
	together(len(errs), func(i int) {
		errs[i] = e.door(e.svc).Change(e.ctx, "5001", e.pin("7294"), e.pin(fmt.Sprintf("835%d", i)))
	})
	changed := 0
	for i, err := range errs {
		if err == nil {
			changed++
			e.enters(door, "5001", fmt.Sprintf("835%d", i))
		} else {
			require.ErrorIs(e, err, access.ErrWrongPIN, "somebody else knew it, too, and was sooner")
		}
	}
	require.Equal(e, 1, changed)
}

func pinWeak(e *env) {
	e.mailbox("50017")
	door := e.door(e.service(), func(o *access.Options) { o.MinDigits = 5 })
	for _, weak := range []string{"0417", "00000", "77777", "12345", "34567", "78901", "98765", "21098", "50017"} {
		require.ErrorIs(e, door.Set(e.ctx, "50017", e.pin(weak), nil), access.ErrWeakPIN, weak)
	}
	require.Empty(e, e.names(e.keysOf("50017").Access()))
	for _, fine := range []string{"04172", "00001", "12346", "13579", "5001700"} {
		require.NoError(e, door.Set(e.ctx, "50017", e.pin(fine), nil), fine)
	}
	lax := e.door(e.service(), func(o *access.Options) { o.AllowTrivial = true })
	require.NoError(e, lax.Set(e.ctx, "50017", e.pin("1234"), nil))
	e.enters(door, "50017", "1234")
}

func pinStranger(e *env) {
	e.mailbox("5001")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	before := e.tenantNames()
	for range 6 {
		require.Equal(e, 3, e.fails(door, "5009", "0417"))
	}
	require.ErrorIs(e, door.Change(e.ctx, "5009", e.pin("0417"), e.pin("7294")), access.ErrWrongPIN)
	for name, err := range map[string]error{
		"set": door.Set(e.ctx, "5009", e.pin("0417"), nil), "clear": door.Clear(e.ctx, "5009"), "unlock": door.Unlock(e.ctx, "5009"),
		"status": second(door.Status(e.ctx, "5009")),
	} {
		require.ErrorIs(e, err, voicemail.ErrNoMailbox, name)
		var ve *voicemail.Error
		require.ErrorAs(e, err, &ve, name)
		require.Equal(e, voicemail.MailboxID("5009"), ve.Mailbox, name)
	}
	for name, err := range map[string]error{
		"verify": second(door.Verify(e.ctx, "", e.pin("0417"))), "set": door.Set(e.ctx, "", e.pin("0417"), nil), "unlock": door.Unlock(e.ctx, ""),
	} {
		require.ErrorIs(e, err, voicemail.ErrInvalid, name)
	}
	require.Equal(e, before, e.tenantNames(), "strangers fill no storage")
}

func pinRace(e *env) {
	e.mailbox("5001")
	require.NoError(e, e.door(e.service()).Set(e.ctx, "5001", e.pin("0417"), nil))
	doors := make([]*access.Access, 4)
	for i := range doors {
		doors[i] = e.door(e.open())
	}
	for range 2 {
		var answers atomic.Int32
		errs := make([]error, 12)
		together(len(errs), func(i int) {
			for n := range 3 {
				_, err := doors[i%len(doors)].Verify(e.ctx, "5001", e.pin(fmt.Sprintf("9%02d%d", i, n)))
				if errors.Is(err, access.ErrWrongPIN) {
					answers.Add(1)
				} else if !errors.Is(err, access.ErrLocked) {
					errs[i] = fmt.Errorf("neither wrong nor locked: %w", err)
				}
			}
		})
		for _, err := range errs {
			require.NoError(e, err)
		}
		require.EqualValues(e, 4, answers.Load())
		e.shut(doors[0], "5001", "0417")
		e.pass(lockFor)
	}
	e.enters(doors[0], "5001", "0417")
}

func pinRehashed(e *env) {
	e.mailbox("5001")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), &access.SetOptions{MustChange: true}))
	strong := e.door(e.open(), func(o *access.Options) { o.Argon2.Memory, o.Argon2.Time = 16, 2 })
	folder := e.keysOf("5001").Access()
	e.fails(strong, "5001", "1111")
	require.Len(e, e.names(folder+"pin-"), 1, "who does not know it, makes no hash of it")
	require.True(e, e.enters(strong, "5001", "0417").MustChange)
	names := e.names(folder + "pin-")
	require.Len(e, names, 2)
	require.Contains(e, string(e.readRaw(names[1])), `"memory":16,"time":2`)
	require.Equal(e, access.Status{Set: true, MustChange: true, Left: 4}, e.entry(strong, "5001"), "that is a success, too")
	e.enters(door, "5001", "0417")
	e.enters(strong, "5001", "0417")
	other := e.door(e.open(), func(o *access.Options) { o.Argon2.Memory = 32 })
	e.enters(other, "5001", "0417")
	require.Len(e, e.names(folder+"pin-"), 2, "processes that disagree do not make hashes in turns")
}

func pinInherits(e *env) {
	e.mailbox("5001")
	e.mailbox("50010")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "50010", e.pin("0417"), nil))
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	for range 4 {
		e.fails(door, "5001", "1111")
	}
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"))
	require.Empty(e, e.names(e.keysOf("5001").Access()))
	late := keys.Access{Kind: keys.PIN, Gen: 1, Rev: 9}
	e.plant(e.keysOf("5001").AccessAt(late), "{}")
	e.plant(e.keysOf("5001").AccessAt(keys.Access{Kind: keys.Try, Gen: 1, Rev: 9, N: 4}), "{}")
	require.Equal(e, 3, e.fails(door, "5001", "0417"), "a stranger's by now")
	e.pass(3 * time.Hour)
	e.mailbox("5001")
	require.Equal(e, access.Status{Left: 4}, e.entry(door, "5001"))
	_, err := door.Verify(e.ctx, "5001", e.pin("0417"))
	require.ErrorIs(e, err, access.ErrNoPIN)
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("7294"), nil))
	e.pass(rest)
	require.Equal(e, 2, e.maintain().Access)
	require.False(e, e.exists(e.keysOf("5001").AccessAt(late)))
	e.enters(door, "5001", "7294")
	e.enters(door, "50010", "0417")
}

func pinMaintained(e *env) {
	e.mailbox("5001")
	e.mailbox("5002")
	door := e.door(e.service())
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("8350"), nil))
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	require.NoError(e, door.Set(e.ctx, "5002", e.pin("0417"), nil))
	for range 5 {
		e.fails(door, "5001", "1111")
		e.enters(door, "5001", "0417")
	}
	for range 4 {
		e.fails(door, "5001", "1111")
		e.fails(door, "5002", "1111")
	}
	all := e.tenantNames()
	require.Zero(e, e.maintain().Access)
	e.pass(23 * time.Hour)
	require.Zero(e, e.maintain().Access)
	require.Equal(e, all, e.tenantNames(), "what is younger than a day may be looked at by somebody")
	e.pass(2 * time.Hour)
	require.Equal(e, 1+10+4, e.maintain().Access, "a revision, ten tries, four of five resets")
	require.Zero(e, e.maintain().Access, "the second pass finds nothing to do")
	at := func(kind keys.AccessKind, n int) string {
		return e.keysOf("5001").AccessAt(keys.Access{Kind: kind, Gen: 1, Rev: 2, N: n})
	}
	require.Equal(e, []string{
		e.keysOf("5001").AccessAt(keys.Access{Kind: keys.PIN, Gen: 1, Rev: 2}), at(keys.Reset, 10), at(keys.Try, 11), at(keys.Try, 12), at(keys.Try, 13), at(keys.Try, 14),
	}, e.names(e.keysOf("5001").Access()))
	require.Len(e, e.names(e.keysOf("5002").Access()), 5, "what is not followed by anything stays")
	require.Equal(e, 3, e.fails(door, "5001", "1111"), "the lock is over")
	require.True(e, e.exists(at(keys.Try, 15)), "no number is given out twice")
	require.True(e, e.exists(at(keys.Reset, 14)))
	e.enters(door, "5001", "0417")
	e.enters(door, "5002", "0417")
	e.pass(rest)
	e.maintain()
	e.pass(rest)
	require.Zero(e, e.maintain().Access)
	require.Len(e, e.names(e.space.Accesses()), 4, "a PIN and a reset for each")
	e.enters(door, "5001", "0417")
}

func pinDamaged(e *env) {
	e.mailbox("5001")
	door := e.door(e.service(), func(o *access.Options) { o.Default = access.MailboxNumber })
	for rev, doc := range []string{
		"", "{}", `{"v":1}`, `{"v":2,"nonce":"n","scrypt":{"n":1}}`, `{"v":1,"argon2id":{"version":19,"memory":4194304,"time":1,"threads":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`,
		`{"v":1,"argon2id":{"version":19,"memory":8,"time":1,"threads":1}}`,
	} {
		e.plant(e.keysOf("5001").AccessAt(keys.Access{Kind: keys.PIN, Gen: 1, Rev: rev + 1}), doc)
		_, err := door.Verify(e.ctx, "5001", e.pin("5001"))
		require.ErrorIs(e, err, storage.ErrCorrupt, doc)
		_, err = door.Status(e.ctx, "5001")
		require.ErrorIs(e, err, storage.ErrCorrupt, doc)
	}
	require.NoError(e, door.Set(e.ctx, "5001", e.pin("0417"), nil))
	e.enters(door, "5001", "0417")
}

func pinSecret(e *env) {
	const set, old, wrong, weak = "7294630158224417", "3850274961538846", "6139475820369915", "9999999999999999"
	e.mailbox("5001")
	var said strings.Builder
	svc := e.open(func(o *voicemail.Options) {
		o.Observer = func(ev voicemail.Event) { fmt.Fprintf(&said, "%+v\n", ev) }
	})
	door := e.door(svc)
	say := func(err error) { fmt.Fprintf(&said, "%v %+v %#v\n", err, err, err) }
	say(door.Set(e.ctx, "5001", e.pin(old), nil))
	say(door.Set(e.ctx, "5001", e.pin(weak), nil))
	say(door.Change(e.ctx, "5001", e.pin(old), e.pin(set)))
	say(door.Change(e.ctx, "5001", e.pin(set), e.pin(set)))
	say(second(door.Verify(e.ctx, "5001", e.pin(set))))
	for range 5 {
		say(second(door.Verify(e.ctx, "5001", e.pin(wrong))))
	}
	say(second(door.Verify(e.ctx, "5009", e.pin(wrong))))
	say(second(access.ParsePIN(set + "0")))
	fmt.Fprintf(&said, "%v %+v", e.pin(set), e.entry(door, "5001"))
	scan := rawscan.Scan{Numbers: []string{set, old, wrong, weak}}
	e.clean(scan)
	require.Contains(e, said.String(), "wrong PIN")
	for _, pin := range scan.Numbers {
		require.NotContains(e, said.String(), pin)
	}
	for i, pin := range scan.Numbers {
		e.plant(fmt.Sprintf("v1/seen/%d", i), pin)
	}
	e.unclean(scan)
}
