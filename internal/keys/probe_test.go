package keys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func TestAProbeIsALegalNameOfTheTenant(t *testing.T) {
	space, err := keys.NewSpace("Acme")
	require.NoError(t, err)
	name := space.Probe("0123456789abcdef01234567")
	assert.NoError(t, storage.CheckKey(name))
	assert.True(t, strings.HasPrefix(name, space.Probes()))
	assert.True(t, strings.HasPrefix(name, space.Root()))
}
