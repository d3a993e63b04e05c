package access_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/service/internal/access"
)

var agent = auth.Principal{Name: "user agent7", User: "agent7", ContactCenters: []string{"cc-1"}}

func basic(plain string) auth.Credentials {
	return auth.NewCredentials(auth.Basic, base64.StdEncoding.EncodeToString([]byte(plain)))
}

func TestASecretIsATokenOrThePasswordOfItsUser(t *testing.T) {
	now := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
	brief := agent
	brief.Expires = now.Add(time.Hour)
	table := access.NewTable(map[string]auth.Principal{"s:1": agent, "s2": brief}, func() time.Time { return now })
	for name, c := range map[string]auth.Credentials{"bearer": auth.NewCredentials(auth.Bearer, "s:1"), "basic": basic("agent7:s:1"), "one that ends": auth.NewCredentials(auth.Bearer, "s2")} {
		p, err := table.Verify(t.Context(), c)
		require.NoError(t, err, name)
		assert.Equal(t, "agent7", p.User, name)
	}
	now = now.Add(time.Hour)
	for name, c := range map[string]auth.Credentials{
		"another secret": auth.NewCredentials(auth.Bearer, "s"), "another user": basic("agent8:s:1"), "no user": basic(":s:1"), "no password": basic("agent7"),
		"no base64": auth.NewCredentials(auth.Basic, "%"), "one that has ended": auth.NewCredentials(auth.Bearer, "s2"), "nothing": {},
	} {
		_, err := table.Verify(t.Context(), c)
		assert.ErrorIs(t, err, auth.ErrRefused, name)
	}
}

func TestATableThatIsNotRightIsRefusedAndNotCited(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for name, doc := range map[string]string{
		"no JSON":                 `secret`,
		"no list":                 `{"sha256": "secret"}`,
		"an unknown member":       `[{"sha256": "` + digest + `", "ccid": "c", "user": "u", "secret": "secret"}]`,
		"the secret, not its sum": `[{"sha256": "secret", "ccid": "c", "user": "u"}]`,
		"no contact center":       `[{"sha256": "` + digest + `", "user": "secret"}]`,
		"no user":                 `[{"sha256": "` + digest + `", "ccid": "secret"}]`,
	} {
		_, err := access.ParseTable([]byte(doc))
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), `secret"`, name)
	}
	_, err := access.ParseTable([]byte(`[{"sha256": "` + digest + `", "ccid": "c", "user": "u", "depositor": true}]`))
	assert.NoError(t, err)
}

func TestATicketEndsWithItsTimeOrWithTheCredentials(t *testing.T) {
	now := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
	tickets, err := access.NewTickets(nil, func() time.Time { return now })
	require.NoError(t, err)
	brief := agent
	brief.Expires = now.Add(time.Minute)
	for name, tt := range map[string]struct {
		of   auth.Principal
		ends time.Time
	}{"with its time": {agent, now.Add(5 * time.Minute)}, "with the credentials": {brief, brief.Expires}} {
		start := now
		ticket, until, err := tickets.Issue(tt.of, "/x", 5*time.Minute)
		require.NoError(t, err)
		assert.Equal(t, tt.ends, until, name)
		now = until.Add(-time.Second)
		p, err := tickets.Open(ticket, "/x")
		require.NoError(t, err, name)
		assert.Equal(t, "agent7", p.User)
		assert.True(t, p.Expires.Equal(until), "and so does a stream that it opened")
		now = until
		_, err = tickets.Open(ticket, "/x")
		assert.ErrorIs(t, err, auth.ErrRefused, name)
		now = start
	}
}

func TestATicketIsOfItsPathAndKey(t *testing.T) {
	key := []byte(strings.Repeat("k", access.TicketKeySize))
	here, err := access.NewTickets(key, nil)
	require.NoError(t, err)
	there, err := access.NewTickets(key, nil)
	require.NoError(t, err)
	stranger, err := access.NewTickets(nil, nil)
	require.NoError(t, err)
	ticket, _, err := here.Issue(agent, "/x", time.Minute)
	require.NoError(t, err)
	assert.NotContains(t, ticket, "agent7")
	_, err = there.Open(ticket, "/x")
	require.NoError(t, err, "another process with the same key")
	for name, open := range map[string]func() (auth.Principal, error){
		"another path": func() (auth.Principal, error) { return here.Open(ticket, "/y") },
		"another key":  func() (auth.Principal, error) { return stranger.Open(ticket, "/x") },
		"cut off":      func() (auth.Principal, error) { return here.Open(ticket[:20], "/x") },
		"nothing":      func() (auth.Principal, error) { return here.Open("", "/x") },
		"endless":      func() (auth.Principal, error) { return here.Open(strings.Repeat("A", 1<<20), "/x") },
	} {
		_, err := open()
		assert.ErrorIs(t, err, auth.ErrRefused, name)
	}
	_, err = access.NewTickets(key[1:], nil)
	assert.Error(t, err, "a key that is short")
}
