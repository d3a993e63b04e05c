package tenants

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genesys/voicemail/config"
)

// Directory says which tenant a contact center has.
type Directory interface {
	// Tenant returns the tenant of a contact center, in any case of its letters, and whether there is one.
	Tenant(contactCenter string) (tenant string, ok bool)
	// Tenants returns all tenants, sorted.
	Tenants() []string
}

// Fixed is a Directory of contact centers, in lower case, with their tenants.
type Fixed map[string]string

// Tenant looks a contact center up.
func (f Fixed) Tenant(contactCenter string) (string, bool) {
	tenant, ok := f[strings.ToLower(contactCenter)]
	return tenant, ok
}

// Tenants returns all tenants.
func (f Fixed) Tenants() []string { return slices.Sorted(maps.Values(f)) }

// File is a Directory that is mounted, a tenants.json, and that changes while the service runs. When it cannot be read any more, what was read last counts.
type File struct {
	path   string
	logger *slog.Logger

	mu    sync.Mutex
	known Fixed
	until time.Time
}

// readAgain is how long the file counts as it was read.
const readAgain = 30 * time.Second

// OpenFile reads the file.
func OpenFile(path string, logger *slog.Logger) (*File, error) {
	f := &File{path: path, logger: logger}
	known, err := f.read()
	f.known, f.until = known, time.Now().Add(readAgain)
	return f, err
}

func (f *File) read() (Fixed, error) {
	list, err := config.ReadTenants(f.path)
	known := Fixed{}
	for _, t := range list {
		known[t.UUID.String()] = t.ID
	}
	return known, err
}

func (f *File) current() Fixed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.After(f.until) {
		f.until = now.Add(readAgain)
		known, err := f.read()
		if err != nil {
			f.logger.Error("the tenants are those that were read last", "error", err)
		} else {
			f.known = known
		}
	}
	return f.known
}

// Tenant looks a contact center up.
func (f *File) Tenant(contactCenter string) (string, bool) { return f.current().Tenant(contactCenter) }

// Tenants returns all tenants.
func (f *File) Tenants() []string { return f.current().Tenants() }
