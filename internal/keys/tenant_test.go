package keys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func TestNamesOfTenantSettingsAreLegalAndInOrder(t *testing.T) {
	space, _, _ := longest(t)
	last := space.Tenant()
	for _, n := range []int{1, 9, 10, 999_999_999} {
		rev := keys.Revision{Gen: 1, Rev: n}
		name := space.TenantAt(rev)
		require.NoError(t, storage.CheckKey(name))
		got, ok := keys.ParseRevision(strings.TrimPrefix(name, space.Tenant()))
		assert.True(t, ok)
		assert.Equal(t, rev, got)
		assert.Greater(t, name, last)
		last = name
	}
}
