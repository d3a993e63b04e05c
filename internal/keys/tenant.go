package keys

// Tenant is the prefix of the tenant's own settings.
func (s Space) Tenant() string { return s.root + "tenant/" }

// TenantAt is the name of one revision of the tenant's own settings. There is one generation, the first.
func (s Space) TenantAt(r Revision) string { return s.Tenant() + r.String() }
