package asterisk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

func TestGreetingsBecomeThoseOfTheirMailboxes(t *testing.T) {
	s := newSpool(t)
	s.put("acme/8000/unavail.gsm", bytes.Repeat([]byte{0xd2}, 33*50))
	s.put("acme/8000/unavail.wav", wav("unavail"))
	s.put("acme/8000/busy.gsm", bytes.Repeat([]byte{0xd2}, 33*50))
	s.put("acme/8000/temp.sln", make([]byte, 16000))
	s.put("acme/8000/greet.wav", wav("greet"))
	st := memstore.New(nil)
	svc := service(t, st)
	r := imported(t, s, svc, creating())
	assert.Equal(t, []string{"acme/8000/busy imported", "acme/8000/greet imported", "acme/8000/temp imported", "acme/8000/unavail imported"}, outcomes(r))
	current, err := svc.Greetings("8000@acme").Current(t.Context())
	require.NoError(t, err)
	want := map[voicemail.GreetingKind]string{
		voicemail.GreetingUnavailable: "audio/wav 500ms", voicemail.GreetingBusy: "audio/gsm 1s", voicemail.GreetingTemporary: "audio/wav 1s", voicemail.GreetingName: "audio/wav 500ms",
	}
	for _, g := range current {
		assert.Equal(t, want[g.Kind], g.ContentType+" "+g.Duration.String(), g.Kind)
		assert.True(t, g.Expires.IsZero())
		delete(want, g.Kind)
	}
	assert.Empty(t, want)

	before := objects(t, st)
	r = imported(t, s, svc, creating())
	assert.Equal(t, 4, r.Present)
	assert.Equal(t, before, objects(t, st), "the same audio is not set twice")
}

func TestAGreetingOfTheSpoolIsTakenOnlyIfItIsTheLatest(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(t *testing.T, s *spool, g *voicemail.Greetings)
		want   string
	}{
		{"the user recorded another one here", func(t *testing.T, _ *spool, g *voicemail.Greetings) {
			_, err := g.Set(t.Context(), voicemail.GreetingBusy, strings.NewReader("recorded here"), nil)
			require.NoError(t, err)
		}, "default/8000/busy skipped superseded"},
		{"the user deleted it here", func(t *testing.T, _ *spool, g *voicemail.Greetings) {
			require.NoError(t, g.Delete(t.Context(), voicemail.GreetingBusy))
		}, "default/8000/busy skipped superseded"},
		{"the user recorded another one on the old server", func(_ *testing.T, s *spool, _ *voicemail.Greetings) {
			s.put("default/8000/busy.wav", wav("another"))
			s.touch("default/8000/busy.wav", time.Now().Add(time.Minute))
		}, "default/8000/busy imported"},
		{"the spool was copied to another disk", func(_ *testing.T, s *spool, _ *voicemail.Greetings) {
			s.touch("default/8000/busy.wav", time.Now().Add(time.Minute))
		}, "default/8000/busy present"},
		{"it is being recorded", func(_ *testing.T, s *spool, _ *voicemail.Greetings) {
			s.put("default/8000/busy.wav", wav("another"))
			s.touch("default/8000/busy.wav", time.Now().Add(time.Hour))
		}, "default/8000/busy skipped in-progress"},
	} {
		s := newSpool(t)
		s.put("default/8000/busy.wav", wav("busy"))
		svc := service(t, memstore.New(nil))
		imported(t, s, svc, creating())
		tt.change(t, s, svc.Greetings("8000"))
		opts := creating()
		opts.Now = func() time.Time { return time.Now().Add(time.Hour) }
		assert.Equal(t, []string{tt.want}, outcomes(imported(t, s, svc, opts)), tt.why)
	}
}

func TestAGreetingThatChangesWhileItIsReadIsLeftToTheNextRun(t *testing.T) {
	s := newSpool(t)
	s.put("default/8000/busy.wav", wav("busy"))
	svc := service(t, memstore.New(nil))
	over := func() {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "default/8000/busy.wav"), wav("another"), 0o644))
	}
	r, err := asterisk.Import(t.Context(), &live{FS: os.DirFS(s.dir), steps: []func(){over}, at: []int{5}}, svc, creating()) // the second open of it
	require.NoError(t, err)
	assert.Equal(t, []string{"default/8000/busy skipped in-progress"}, outcomes(r))
	current, err := svc.Greetings("8000").Current(t.Context())
	require.NoError(t, err)
	assert.Empty(t, current)
}

func TestAGreetingThatIsNotTakenIsReported(t *testing.T) {
	s := newSpool(t)
	s.put("default/8000/busy.wav", wav("busy"))
	for why, tt := range map[asterisk.Reason]struct {
		opts *asterisk.Options
		with func(*voicemail.Options)
	}{
		asterisk.NoMailbox: {nil, func(*voicemail.Options) {}},
		asterisk.TooLarge:  {creating(), func(o *voicemail.Options) { o.Limits.GreetingBytes = 1000 }},
	} {
		r := imported(t, s, service(t, memstore.New(nil), tt.with), tt.opts)
		assert.Equal(t, []string{"default/8000/busy failed " + string(why)}, outcomes(r))
	}
	for _, broken := range []broken{{FS: s.open(), open: "default/8000/busy.wav"}, {FS: s.open(), read: "default/8000/busy.wav"}} {
		r, err := asterisk.Import(t.Context(), broken, service(t, memstore.New(nil)), creating())
		require.NoError(t, err)
		assert.Equal(t, []string{"default/8000/busy failed unreadable"}, outcomes(r))
	}
	svc := service(t, faultstore.New(memstore.New(nil), faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/greeting/"}))
	_, err := asterisk.Import(t.Context(), s.open(), svc, creating())
	require.ErrorIs(t, err, faultstore.ErrInjected, "an error of the storage ends the import")
	require.NotErrorIs(t, err, storage.ErrNotExist)
}
