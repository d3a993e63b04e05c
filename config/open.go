package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

// Open opens the storage of every region. The result serves all tenants; the caller closes its Stores.
//
// A volume is one region, "main" in every cluster that mounts it; [pvstore.Init] must have prepared it. Containers and buckets exist already.
//
// The current region must answer now. Another one that does not (storage.ErrUnavailable), within 10 seconds, keeps nobody from the rest: its Store is opened by the first call
// that finds it answering, every call until then returns the error that names the region, and until then it has no capabilities (see [storage.As]). With the master
// region down, messages are taken all the same: see [voicemail.Service.Sync]. Any other error, as of a key that is refused, names its region, is the driver's, and the other
// storages are closed again.
func (c *Config) Open(ctx context.Context) (voicemail.Regions, error) {
	if err := c.Check(); err != nil {
		return voicemail.Regions{}, err
	}
	if c.StorageInterface == FileSystem {
		s, err := pvstore.Open(ctx, c.MountPath, nil)
		if err != nil {
			return voicemail.Regions{}, fmt.Errorf("config: mountPath: %w", err)
		}
		return voicemail.OneRegion(s), nil
	}
	regions := voicemail.Regions{Master: c.home(), Local: c.CurrentRegion, Stores: map[string]voicemail.Store{}}
	for _, name := range slices.Sorted(maps.Keys(c.Regions)) {
		p := place{kind: c.kind(name), region: c.Regions[name], field: "regions." + name, secrets: c.SecretDirectory}
		p.files = fileNames(name+".", p.region)
		if p.region.BucketRegion == "" {
			p.region.BucketRegion = name
		}
		s, err := p.openSoon(ctx, name == c.CurrentRegion)
		if err != nil {
			for _, opened := range regions.Stores {
				err = errors.Join(err, opened.Close())
			}
			return voicemail.Regions{}, err
		}
		regions.Stores[name] = s
	}
	return regions, nil
}

// place is where one storage is.
type place struct {
	kind    Interface
	region  Region
	dir     string // of FileSystem
	field   string // what errors name
	secrets string // the directory; empty if there is none
	files   files
}

// files are the names of the files of keys.
type files struct {
	account, access, secret string
	named                   bool // they were chosen, so they must be there
}

func fileNames(prefix string, r Region) files {
	f := files{account: prefix + "account-key", access: prefix + "access-key-id", secret: prefix + "secret-access-key"}
	for _, name := range []struct {
		to   *string
		from string
	}{{&f.account, r.AccountKeyFile}, {&f.access, r.AccessKeyFile}, {&f.secret, r.SecretKeyFile}} {
		if name.from != "" {
			*name.to, f.named = name.from, true
		}
	}
	return f
}

// openWithin is how long a region that is not the current one has to answer at the start.
const openWithin = 10 * time.Second

// openSoon opens the place, or lets it be opened later if that is possible and it does not answer.
func (p place) openSoon(ctx context.Context, now bool) (storage.Store, error) {
	if now {
		return p.open(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	s, err := p.open(bounded)
	if err != nil && ctx.Err() == nil && (bounded.Err() != nil || errors.Is(err, storage.ErrUnavailable)) {
		return &lateStore{open: p.open}, nil
	}
	return s, err
}

func (p place) open(ctx context.Context) (storage.Store, error) {
	var s storage.Store
	var err error
	switch p.kind {
	case FileSystem:
		s, err = pvstore.Open(ctx, p.dir, &pvstore.Options{Prefix: p.region.Prefix})
	case BlobStorage:
		s, err = p.openBlob(ctx)
	default:
		s, err = p.openS3(ctx)
	}
	var field *FieldError
	if err != nil && !errors.As(err, &field) {
		err = fmt.Errorf("config: %s: %w", p.field, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// store is a driver's, with the connections that were made for it.
type store struct {
	storage.Store
	connections *connections
}

// Unwrap lets [storage.As] find the driver's capabilities.
func (s *store) Unwrap() storage.Store { return s.Store }

// Close closes the store and its idle connections.
func (s *store) Close() error {
	err := s.Store.Close()
	s.connections.CloseIdleConnections()
	return err
}

// mounted reports whether there are keys for the place.
func (p place) mounted(keys *secret) (bool, error) {
	if p.secrets == "" {
		return false, nil
	}
	found, err := keys.mounted()
	if err != nil {
		return false, &FieldError{Field: p.secretField(), Problem: "cannot be read; is the secret mounted", Err: bare(err)}
	}
	return found || p.files.named, nil
}

func (p place) badKey(err error) error {
	return &FieldError{Field: p.secretField(), Problem: "has no usable key for " + p.field, Err: err}
}

func (p place) secretField() string {
	if p.field == urlField {
		return urlField + ".secret_dir"
	}
	return "secretDirectory"
}
