package blobstore

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// limits returns one limit of each of n tenants.
func limits(n, days int) (all []storage.AgeLimit) {
	for i := range n {
		all = append(all, storage.AgeLimit{Prefix: fmt.Sprintf("v1/%d/media/", i), Days: days})
	}
	return all
}

func TestALifecyclePolicyPrintsAsTheCommandLineTakesIt(t *testing.T) {
	for name, opts := range map[string]*LifecycleOptions{
		"lifecycle-container.json": {Container: "voicemail"},
		"lifecycle-folder.json": {Container: "recordings", Prefix: "voice/mail", MaxAge: append(limits(11, 400),
			storage.AgeLimit{Prefix: "v1/umbrella/media/", Days: 2}, storage.AgeLimit{Prefix: "v1/acme/media/", Days: 400})},
	} {
		policy, err := Lifecycle(opts)
		require.NoError(t, err)
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(policy.String()+"\n"), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), fmt.Sprintln(policy), "%s; if that is meant, run with -update", name)
	}
}

func TestALifecyclePolicyKeepsTheBoundsOfTheService(t *testing.T) {
	most := maxPolicyPrefixes * (maxPolicyRules - 1)
	policy, err := Lifecycle(&LifecycleOptions{Container: "voicemail", MaxAge: limits(most, 30)})
	require.NoError(t, err, "as much as a policy can have")
	var doc struct {
		Rules []struct {
			Name       string
			Definition struct {
				Filters struct{ PrefixMatch []string }
				Actions struct{ BaseBlob any }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy.String()), &doc))
	require.Len(t, doc.Rules, maxPolicyRules)
	names, prefixes := map[string]bool{}, map[string]bool{}
	for _, r := range doc.Rules {
		assert.Regexp(t, "^[a-zA-Z0-9]{1,256}$", r.Name)
		names[r.Name] = true
		assert.LessOrEqual(t, len(r.Definition.Filters.PrefixMatch), maxPolicyPrefixes)
		for _, p := range r.Definition.Filters.PrefixMatch {
			assert.True(t, strings.HasPrefix(p, "voicemail/"), "the container leads")
			prefixes[p] = r.Definition.Actions.BaseBlob != nil
		}
	}
	assert.Len(t, names, maxPolicyRules, "each rule has a name of its own")
	assert.Len(t, prefixes, most+1, "nothing is left out")
	assert.False(t, prefixes["voicemail/"], "only what has a limit is deleted by its age")
	assert.True(t, prefixes["voicemail/v1/0/media/"])
}

func TestRulesOfDifferentFoldersHaveDifferentNames(t *testing.T) {
	seen := map[string]bool{}
	for _, opts := range []LifecycleOptions{{Container: "voice"}, {Container: "voice", Prefix: "mail"}, {Container: "voice", Prefix: "mail/a"}, {Container: "voice2"}} {
		policy, err := Lifecycle(&opts)
		require.NoError(t, err)
		again, err := Lifecycle(&LifecycleOptions{Container: opts.Container, Prefix: opts.Prefix, MaxAge: limits(1, 30)})
		require.NoError(t, err)
		assert.Equal(t, policy.list[0], again.list[0], "and the same folder the same")
		assert.False(t, seen[policy.list[0].Name], "%+v", opts)
		seen[policy.list[0].Name] = true
	}
}

func TestALifecyclePolicyThatCannotBeIsRefused(t *testing.T) {
	for why, opts := range map[string]*LifecycleOptions{
		"no container":              nil,
		"the service's container":   {Container: "$web"},
		"a short name":              {Container: "ab"},
		"a long name":               {Container: strings.Repeat("a", 64)},
		"a hyphen at the start":     {Container: "-abc"},
		"a hyphen at the end":       {Container: "abc-"},
		"two hyphens":               {Container: "a--b"},
		"upper case":                {Container: "Voicemail"},
		"a folder of a container":   {Container: "voice/mail"},
		"an illegal prefix":         {Container: "voicemail", Prefix: "voice/"},
		"a prefix without room":     {Container: "voicemail", Prefix: strings.Repeat("a/", 112) + "a"},
		"more than a policy holds":  {Container: "voicemail", MaxAge: limits(maxPolicyPrefixes*(maxPolicyRules-1)+1, 30)},
		"a limit of a day":          {Container: "voicemail", MaxAge: limits(1, 1)},
		"a limit that is no folder": {Container: "voicemail", MaxAge: []storage.AgeLimit{{Prefix: "v1/acme", Days: 30}}},
	} {
		policy, err := Lifecycle(opts)
		require.ErrorIs(t, err, storage.ErrInvalid, why)
		assert.Nil(t, policy, why)
		var e *storage.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, driver, e.Driver)
	}
}
