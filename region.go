package voicemail

import (
	"context"
	"errors"
	"fmt"
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

// recordRegion records the local region with the tenant, before the first audio goes there. A mark in the region itself says so to processes that
// start while the master region cannot be reached.
func (s *Service) recordRegion(ctx context.Context) error {
	key := s.space.Region(s.regions.Local)
	if err := createIfAbsent(ctx, s.master, key); err != nil {
		return err
	}
	if s.regions.Local == s.regions.Master {
		return nil
	}
	if err := createIfAbsent(ctx, s.regions.Stores[s.regions.Local], key); err != nil {
		s.opts.Logger.WarnContext(ctx, "the local region cannot be used: a process that starts while the master region cannot be reached takes no messages", "region", s.regions.Local)
	}
	return nil
}

// recorded reports, as an error, that the tenant has no record of the local region, as far as can be told without the master region.
func (s *Service) recorded(ctx context.Context) error {
	local, key := s.regions.Stores[s.regions.Local], s.space.Region(s.regions.Local)
	if _, ok := s.tenant.Peek(); ok {
		return in(s.regions.Local, createIfAbsent(ctx, local, key)) // the region may have failed when it was recorded
	}
	known, err := storage.Exists(ctx, local, key)
	if err != nil || known {
		return in(s.regions.Local, err)
	}
	return fmt.Errorf("%w: the tenant has no record of the region %q yet, and it cannot be made without the master region", storage.ErrUnavailable, s.regions.Local)
}

func createIfAbsent(ctx context.Context, st storage.Store, key string) error {
	if known, err := storage.Exists(ctx, st, key); known || err != nil {
		return err
	}
	_, err := st.Create(ctx, key, nil, nil)
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	return err
}
