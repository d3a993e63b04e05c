package voicemail

import (
	"errors"
	"sort"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Store is where a region keeps its objects; an alias of [storage.Store].
type Store = storage.Store

// Regions places a tenant: metadata lies in the master region, audio in the region that took the call. The names are recorded with the
// tenant and with every message, so they stay what they are.
type Regions struct {
	// Master is the region of all metadata, of the caller index and of the records of data-protection requests.
	Master string
	// Local is the region of this process: where it puts the audio of its deposits.
	Local string
	// Stores has the storage of every region of the tenant, Master and Local among them. The storages may be of different kinds.
	Stores map[string]Store
}

// OneRegion places a tenant in one storage, as the region "main".
func OneRegion(s Store) Regions {
	return Regions{Master: "main", Local: "main", Stores: map[string]Store{"main": s}}
}

func (r Regions) check() error {
	var errs []error
	for name, s := range r.Stores {
		if err := keys.CheckRegion(name); err != nil {
			errs = append(errs, invalid("region %q: %v", name, err))
		}
		if s == nil {
			errs = append(errs, invalid("region %q has no store", name))
		}
	}
	for _, role := range []struct{ role, name string }{{"master", r.Master}, {"local", r.Local}} {
		if r.Stores[role.name] == nil {
			errs = append(errs, invalid("the %s region %q is not among Stores", role.role, role.name))
		}
	}
	return errors.Join(errs...)
}

// names returns the regions, the master first.
func (r Regions) names() []string {
	names := make([]string, 0, len(r.Stores))
	for name := range r.Stores {
		if name != r.Master {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return append([]string{r.Master}, names...)
}
