package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

const (
	uuidA = "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd"
	uuidB = "9350e2fc-a1dd-4c65-8d40-1f75a2e080de"
)

func tenant(id, u string) string {
	return `{"name": "` + id + `", "tenant_id": "` + id + `", "tenant_uuid": "` + u + `", "status": "INIT", "more": [1]}`
}

func TestTenantsAreReadAsTheProductWritesThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenants.json")
	write := func(doc string) { require.NoError(t, os.WriteFile(file, []byte(doc), 0o600)) }
	write("[]")
	tenants, err := ReadTenants(file)
	require.NoError(t, err)
	assert.Empty(t, tenants)
	write("[" + tenant("t100", uuidA) + "]")
	tenants, err = ReadTenants(file)
	require.NoError(t, err)
	assert.Equal(t, []Tenant{{Name: "t100", ID: "t100", UUID: uuid.MustParse(uuidA), Status: "INIT"}}, tenants, "read anew each time")
}

func TestTenantsThatCannotBeToldApartAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tenants.json")
	for _, tt := range []struct{ doc, problem string }{
		{"", "is not a JSON array"},
		{"{}", "is not a JSON array"},
		{"null", "must be an array"},
		{"[" + tenant("t100", "x") + "]", "is not a JSON array"},
		{"[" + tenant("", uuidA) + "]", "entry 0 has no tenant_id"},
		{"[" + tenant("t1", uuidA) + ", {}]", "entry 1 has no tenant_id"},
		{"[null]", "entry 0 has no tenant_id"},
		{"[" + tenant("t1", uuidA) + "," + tenant("t1", uuidB) + "]", "entry 1 has the tenant_id or tenant_uuid of entry 0"},
		{"[" + tenant("t1", uuidA) + "," + tenant("t2", uuidA) + "]", "entry 1 has the tenant_id or tenant_uuid of entry 0"},
	} {
		require.NoError(t, os.WriteFile(file, []byte(tt.doc), 0o600))
		tenants, err := ReadTenants(file)
		assert.Nil(t, tenants)
		assert.ErrorContains(t, err, "tenantsFile: "+tt.problem, tt.doc)
		assert.ErrorIs(t, err, storage.ErrInvalid)
	}
	_, err := ReadTenants(filepath.Join(dir, "missing"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = ReadTenants(dir)
	assert.ErrorContains(t, err, "is not a file")
}

func FuzzTenants(f *testing.F) {
	f.Add([]byte("[" + tenant("t100", uuidA) + "]"))
	f.Add([]byte(`[{"tenant_uuid": 1}]`))
	file := filepath.Join(f.TempDir(), "tenants.json")
	f.Fuzz(func(t *testing.T, doc []byte) {
		require.NoError(t, os.WriteFile(file, doc, 0o600))
		tenants, err := ReadTenants(file)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.Nil(t, tenants)
		}
	})
}
