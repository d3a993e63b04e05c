package config

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/google/uuid"
)

// Tenant is an entry of the product's tenants.json.
type Tenant struct {
	// Name is what people call the tenant.
	Name string `json:"name"`
	// ID is the short name, as t100.
	ID string `json:"tenant_id"`
	// UUID is what the platform calls it; it is the contact center ID, too.
	UUID uuid.UUID `json:"tenant_uuid"`
	// Status is the state of its provisioning, as INIT.
	Status string `json:"status"`
}

// maxTenantsFile bounds what is read: a ConfigMap has at most 1 MiB.
const maxTenantsFile = 4 << 20

// ReadTenants reads a tenants.json: an array of tenants. Tenants come and go while the service runs: read it again from time to time; Kubernetes replaces the file as a whole.
// Fields that are not known are ignored. A tenant without ID or UUID, and two with the same, are an error; an empty array is none.
func ReadTenants(path string) ([]Tenant, error) {
	wrong := func(problem string, err error) ([]Tenant, error) {
		return nil, &FieldError{Field: "tenantsFile", Problem: problem, Err: err}
	}
	info, err := os.Stat(path)
	if err != nil {
		return wrong("cannot be read; is the ConfigMap mounted", bare(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxTenantsFile {
		return wrong("is not a file, or too large", nil)
	}
	doc, err := os.ReadFile(path)
	if err != nil {
		return wrong("cannot be read", bare(err))
	}
	var tenants []Tenant
	if err := json.Unmarshal(doc, &tenants); err != nil {
		return wrong("is not a JSON array of tenants", nil)
	}
	if tenants == nil {
		return wrong("must be an array, [] if there are no tenants", nil)
	}
	byID, byUUID := map[string]int{}, map[uuid.UUID]int{}
	for i, t := range tenants {
		entry := "entry " + strconv.Itoa(i) + " "
		if t.ID == "" || t.UUID == uuid.Nil {
			return wrong(entry+"has no tenant_id or no tenant_uuid", nil)
		}
		first, again := byID[t.ID]
		if !again {
			first, again = byUUID[t.UUID]
		}
		if again {
			return wrong(fmt.Sprintf("%shas the tenant_id or tenant_uuid of entry %d", entry, first), nil)
		}
		byID[t.ID], byUUID[t.UUID] = i, i
	}
	return tenants, nil
}
