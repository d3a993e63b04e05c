package voicemail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// RegionInfo is a region that is recorded with the tenant: audio lies there, or did.
type RegionInfo struct {
	Name string
	// Configured: this Service has its storage. What lies in a region that is recorded and not configured can be neither played nor erased.
	Configured bool
	// Master and Local say what it is to this Service.
	Master, Local bool
}

// Regions returns the regions that are recorded with the tenant, sorted by name. A region is recorded before the first audio goes there; the master region only
// if deposits are taken there.
func (s *Service) Regions(ctx context.Context) ([]RegionInfo, error) {
	var list []RegionInfo
	for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: s.space.Regions(), KeysOnly: true}) {
		if err != nil {
			return nil, s.fail("list regions", "", "", err)
		}
		name := strings.TrimPrefix(info.Key, s.space.Regions())
		if keys.CheckRegion(name) != nil {
			continue // nothing of ours
		}
		_, configured := s.regions.Stores[name]
		list = append(list, RegionInfo{Name: name, Configured: configured, Master: name == s.regions.Master, Local: name == s.regions.Local})
	}
	return list, nil
}

// ErrRegionInUse is for a region that cannot be retired, since something of the tenant is left there; the error is a [*RegionInUseError].
var ErrRegionInUse = errors.New("region is in use")

// RegionInUseError says what is left of the tenant in a region. It wraps [ErrRegionInUse].
type RegionInUseError struct {
	Region string
	// Media is the number of recordings and their parts, Pending that of deposits that wait for Sync, Other that of everything else.
	Media, Pending, Other int
}

// Error says how much of what is left.
func (e *RegionInUseError) Error() string {
	return fmt.Sprintf("%v: %s has %d recordings, %d pending deposits and %d other objects of the tenant", ErrRegionInUse, e.Region, e.Media, e.Pending, e.Other)
}

// Unwrap returns ErrRegionInUse.
func (e *RegionInUseError) Unwrap() error { return ErrRegionInUse }

// RetireRegion takes a region out of the tenant's records once a complete listing has proved that nothing of the tenant is left there; until then it is ErrRegionInUse, and
// nothing is changed. Move or delete the messages first and run Sync and Maintain. The region must be configured, and neither the master region nor the local one
// (ErrInvalid). If it fails half way, run it again.
//
// The processes whose local region it is must be stopped first: what they deposit during and after the retirement is in no record. The region is listed again when its
// record is gone, and if something came meanwhile, the record is restored. A Service that is opened there later records it anew.
func (s *Service) RetireRegion(ctx context.Context, name string) error {
	return s.fail("retire region", "", "", s.retire(ctx, name))
}

func (s *Service) retire(ctx context.Context, name string) error {
	st, err := s.region(name)
	switch {
	case err != nil:
		return err
	case name == s.regions.Master:
		return invalid("%s is the master region", name)
	case name == s.regions.Local:
		return invalid("%s is the local region of this Service", name)
	}
	if err := s.proveEmpty(ctx, name); err != nil {
		return err
	}
	record := s.space.Region(name)
	if err := st.Delete(ctx, record); err != nil {
		return in(name, err)
	}
	if err := s.master.Delete(ctx, record); err != nil {
		return err
	}
	err = s.proveEmpty(ctx, name)
	if err == nil {
		return nil
	}
	back, cancel := withoutCancel(ctx)
	defer cancel()
	if lost := first(createIfAbsent(back, s.master, record), createIfAbsent(back, st, record)); lost != nil {
		return fmt.Errorf("%w; its record could not be restored: %w", err, lost)
	}
	return err
}

// proveEmpty reports, as an error, that something of the tenant is left in a region, or that this cannot be known. The region's own record is nothing.
func (s *Service) proveEmpty(ctx context.Context, name string) error {
	left := RegionInUseError{Region: name}
	for info, err := range storage.All(ctx, s.regions.Stores[name], &storage.ListOptions{Prefix: s.space.Root(), KeysOnly: true}) {
		switch {
		case err != nil:
			return in(name, err)
		case info.Key == s.space.Region(name), strings.HasPrefix(info.Key, s.space.Probes()):
		case strings.HasPrefix(info.Key, s.space.Media()):
			left.Media++
		case strings.HasPrefix(info.Key, s.space.Pending()):
			left.Pending++
		default:
			left.Other++
		}
	}
	if left != (RegionInUseError{Region: name}) {
		return &left
	}
	return nil
}
