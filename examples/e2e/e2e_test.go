package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
)

// The exit codes of the command.
const (
	done        = 0
	refused     = 3
	wrongState  = 4
	unavailable = 5
)

func TestACallerIsForgottenInTwoRegionsThroughTheServiceAndTheCommand(t *testing.T) {
	testserver.Azure(t) // without it, one skip says enough
	testserver.S3(t)
	bin := build(t)
	for name, make := range map[string]map[string]func(*testing.T) *region{
		"the master is on Azure": {master: onAzure, other: onS3},
		"the master is on S3":    {master: onS3, other: onAzure},
	} {
		t.Run(name, func(t *testing.T) {
			regions := map[string]*region{}
			for name, place := range make {
				regions[name] = place(t)
			}
			s := &story{world: newWorld(t, bin, regions)}
			s.begin()
			s.refused()
			s.oneRegionDown()
			s.forgottenAndRestored()
			s.masterDown()
			s.erased()
			s.exported()
			s.here.stop()
			s.there.stop()
		})
	}
}

// story is what happens in a deployment, in this order.
type story struct {
	*world
	here, there *service // in the master region, and in the other one
	audio       [][]byte // Ada's
	messages    []message
	graces      message
	officer     []string // the environment with a token
	input       string
}

// begin starts a service in each region, and has each take a call of Ada's.
func (s *story) begin() {
	t := s.t
	s.here, s.there = s.service(master), s.service(other)
	s.here.do("Bearer "+s.token(`t100\admin`, time.Hour), "POST", "/mailboxes", "application/json", []byte(`{"id": "5001", "owner": {"kind": "user", "id": "agent7"}}`), nil)
	s.audio = [][]byte{noise(1), noise(2)}
	s.messages = []message{s.here.deposit(ada, adaName, s.audio[0]), s.there.deposit(ada, adaName, s.audio[1])}
	s.graces = s.there.deposit(grace, "", noise(3))
	s.officer = []string{"TOKEN=" + s.token(`t100\officer`, time.Hour)}
	s.input = s.file("input.json", input("DSR-2026-17", ada))
	assert.Equal(t, 3, s.here.waiting())
	media := map[string]int{}
	for region, names := range s.names() {
		for _, name := range names {
			if strings.Contains(name, "/media/") {
				media[region]++
			}
		}
	}
	assert.Equal(t, map[string]int{master: 1, other: 2}, media, "audio stays where the call was taken")
}

// refused tries everything with credentials that are not for it.
func (s *story) refused() {
	t := s.t
	before := s.names()
	wrong, expired := "wr0ng-token", s.token(`t100\officer`, -time.Minute)
	agent, stranger := s.token(`t100\agent7`, time.Hour), s.token(`t101\officer`, time.Hour)
	s.secrets = append(s.secrets, wrong, "wr0ng-secret")
	for _, tt := range []struct {
		name, token string
		args        []string
	}{
		{"a wrong token", wrong, []string{"-u", "env:TOKEN"}},
		{"an expired token", expired, []string{"-u", "env:TOKEN"}},
		{"a wrong password", basic(`t100\officer`, wrong), []string{"-u", "env:TOKEN", "--basic"}},
		{"a wrong client", "scheduler:wr0ng-secret", []string{"-c", "env:TOKEN"}},
		{"a client that may act for nobody", "voicemail:s3rvice-secret", []string{"-c", "env:TOKEN"}},
		{"an agent", agent, []string{"-u", "env:TOKEN"}},
		{"an officer of another contact center", stranger, []string{"-u", "env:TOKEN"}},
	} {
		r := s.here.command([]string{"TOKEN=" + tt.token}, append(tt.args, "-i", s.input, "-p", "forgetme")...)
		assert.Equal(t, refused, r.code, "%s: %s", tt.name, r.stderr)
	}
	contentType, form := form(t, ada, adaName, noise(4))
	request := []byte(input("DSR-2026-17", ada))
	for _, c := range []struct {
		method, path, contentType string
		body                      []byte
		agent                     int // what an agent of the contact center gets, whose mailbox it is; 0 is not tried
	}{
		{"POST", "/gdpr/forgetme", "application/json", request, 403}, {"POST", "/gdpr/undoforget", "application/json", request, 403},
		{"POST", "/gdpr/exportme", "application/json", request, 403}, {"POST", "/gdpr/preview", "application/json", request, 403},
		{"GET", "/gdpr/cases", "", nil, 403}, {"GET", "/gdpr/receipts", "", nil, 403}, {"GET", "/mailboxes/5001/messages", "", nil, 0},
		{"POST", "/mailboxes/5001/messages", contentType, form, 0}, {"DELETE", "/mailboxes/5001/messages/" + s.messages[0].ID, "", nil, 0}, {"GET", s.messages[0].Recording, "", nil, 0},
		{"DELETE", "/mailboxes/5001", "", nil, 403}, {"PATCH", "/mailboxes/5001", "application/merge-patch+json", []byte(`{"disabled": true}`), 403},
	} {
		for _, at := range []*service{s.here, s.there} {
			for credentials, want := range map[string]int{
				"": 401, "Bearer " + wrong: 401, "Bearer " + expired: 401, "Basic " + basic(`t100\officer`, wrong): 401, "Bearer " + stranger: 403, "Bearer " + agent: c.agent,
			} {
				if want != 0 {
					r := at.ask(credentials, c.method, c.path+"?ccid="+center, c.contentType, c.body)
					assert.Equal(t, want, r.status, "%s %s: %s", c.method, c.path, r.body)
				}
			}
		}
	}
	assert.Equal(t, before, s.names(), "nothing has changed")
}

// oneRegionDown asks while the other region cannot be reached: what was accepted then could not be kept.
func (s *story) oneRegionDown() {
	t := s.t
	before := s.names()
	s.regions[other].proxy.setCut(true)
	for _, operation := range []string{"forgetme", "exportme"} {
		r := s.here.command(s.officer, "-u", "env:TOKEN", "-i", s.input, "-p", operation, "--attempts", "1")
		assert.Equal(t, unavailable, r.code, "%s: %s", operation, r.stderr)
	}
	s.regions[other].proxy.setCut(false)
	assert.Equal(t, before, s.names(), "nothing has changed")
	assert.Equal(t, 3, s.here.waiting())
}

// forgottenAndRestored forgets with a bearer token in one region, and restores with user and password in the other.
func (s *story) forgottenAndRestored() {
	t := s.t
	r := s.here.command(s.officer, "-u", "env:TOKEN", "-i", s.input, "-p", "forgetme")
	require.Equal(t, done, r.code, r.stderr)
	assert.Contains(t, r.read(t, "output.json"), s.messages[1].ID)
	agent := "Bearer " + s.token(`t100\agent7`, time.Hour)
	for _, at := range []*service{s.here, s.there} {
		assert.Equal(t, 1, at.waiting())
		for _, m := range s.messages {
			assert.Equal(t, 404, at.ask(agent, "GET", m.Recording, "", nil).status)
		}
	}
	r = s.there.command([]string{"TOKEN=" + basic(`t100\officer`, password)}, "-u", "env:TOKEN", "--basic", "-i", s.input, "-p", "undoforget")
	require.Equal(t, done, r.code, r.stderr)
	for _, at := range []*service{s.here, s.there} {
		assert.Equal(t, 3, at.waiting())
		for i, m := range s.messages {
			assert.Equal(t, s.audio[i], at.ask(agent, "GET", m.Recording, "", nil).body)
		}
	}
}

// masterDown has a service that starts while the master region cannot be reached take a call. It is in no mailbox yet, and forgotten with the others all the same.
func (s *story) masterDown() {
	t := s.t
	s.there.stop()
	s.regions[master].proxy.setCut(true)
	s.there = s.service(other)
	s.audio = append(s.audio, noise(5))
	m := s.there.deposit(ada, adaName, s.audio[2])
	s.regions[master].proxy.setCut(false)
	assert.True(t, m.Pending)
	s.messages = append(s.messages, m)
	assert.Equal(t, 3, s.there.waiting())
}

// erased forgets once more with client credentials, at a service that leaves no time to undo it, and sweeps.
func (s *story) erased() {
	t := s.t
	s.here.stop()
	s.here = s.service(master, "-undo-window", "1ms")
	found, err := s.scan().Run(t.Context())
	require.NoError(t, err)
	for region := range s.regions {
		assert.True(t, slices.ContainsFunc(found, func(f rawscan.Finding) bool { return f.Region == region }), "before the erasure there is something to find in %s", region)
	}
	r := s.here.command([]string{"CLIENT=" + clientSecret}, "-c", "env:CLIENT", "-i", s.input, "-p", "forgetme")
	require.Equal(t, done, r.code, r.stderr)
	assert.Contains(t, r.read(t, "output.json"), `"actor":"client scheduler"`)
	r = s.run(nil, "-p", "sweep", "--store", s.dir+"/"+master+".json", "--tenant", "t100")
	require.Equal(t, done, r.code, r.stderr)
	var state gdpr.Case // not what the sweep did: the services sweep, too
	s.there.do("Bearer "+s.token(`t100\officer`, time.Hour), "GET", "/gdpr/cases/DSR-2026-17", "", nil, &state)
	assert.Equal(t, gdpr.StateErased, state.State)
	r = s.here.command(s.officer, "-u", "env:TOKEN", "-i", s.input, "-p", "undoforget")
	assert.Equal(t, wrongState, r.code, r.stderr)
	assert.Equal(t, 1, s.there.waiting())

	s.receipt()
	rawscan.Require(t.Context(), t, s.scan())
}

// scan looks for Ada in both regions.
func (s *story) scan() rawscan.Scan {
	return rawscan.Scan{
		Stores: map[string]storage.Store{master: s.regions[master].direct, other: s.regions[other].direct}, Tenant: "t100", Numbers: []string{ada}, Audio: s.audio,
		Secrets: []rawscan.Secret{{Name: "the name", Bytes: []byte(adaName)}}, Salts: []string{"DSR-2026-17"},
	}
}

// receipt sweeps as a host does whose clock is three hours ahead, since a receipt is written two hours after the erasure at the earliest. No command has such a clock.
func (s *story) receipt() {
	t := s.t
	regions := voicemail.Regions{Master: master, Local: master, Stores: map[string]voicemail.Store{master: s.regions[master].direct, other: s.regions[other].direct}}
	later := func() time.Time { return time.Now().Add(3 * time.Hour) }
	svc, err := voicemail.Open(t.Context(), regions, &voicemail.Options{Tenant: "t100", Now: later})
	require.NoError(t, err)
	office, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 4 * time.Hour})
	require.NoError(t, err)
	report, err := office.Sweep(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Closed, 1)
	var list struct{ Receipts []gdpr.Receipt }
	s.there.do("Bearer "+s.token(`t100\officer`, time.Hour), "GET", "/gdpr/receipts", "", nil, &list)
	require.Len(t, list.Receipts, 1)
	var erased []voicemail.MessageID
	for _, m := range s.messages {
		erased = append(erased, voicemail.MessageID(m.ID))
	}
	assert.ElementsMatch(t, erased, list.Receipts[0].Messages)
	assert.Len(t, list.Receipts[0].Regions, 2)
}

// exported asks for what is there of Ada, and of Grace.
func (s *story) exported() {
	t := s.t
	for caller, want := range map[string][]string{ada: {}, grace: {s.graces.ID}} {
		r := s.there.command(s.officer, "-u", "env:TOKEN", "-i", s.file("export.json", input("DSR of "+caller[8:], caller)), "-p", "exportme")
		require.Equal(t, done, r.code, r.stderr)
		var answer struct{ Consumers map[string][]string }
		require.NoError(t, json.Unmarshal([]byte(r.read(t, "output.json")), &answer))
		assert.Equal(t, map[string][]string{caller: want}, answer.Consumers)
		for _, name := range want {
			assert.Equal(t, string(noise(3)), r.read(t, name))
		}
	}
}
