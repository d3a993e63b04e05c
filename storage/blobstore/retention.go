package blobstore

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/genesys/voicemail/storage"
)

// Retention implements [storage.Retainer]. What the account keeps is asked of [Options].Service; without it that is not known, and
// [errors.ErrUnsupported].
func (s *Store) Retention(ctx context.Context) (storage.Retention, error) {
	if err := s.begin(ctx, "retention"); err != nil {
		return storage.Retention{}, err
	}
	r, err := s.retention(ctx)
	return r, fail("retention", "", err)
}

func (s *Store) retention(ctx context.Context) (r storage.Retention, err error) {
	if s.service == nil {
		return r, because(errors.ErrUnsupported, "Options.Service is not set, and only it tells of soft delete")
	}
	policy, err := s.deletePolicy(ctx)
	if err != nil {
		return r, err
	}
	var c container.GetPropertiesResponse
	err = s.retry(ctx, func(t *try) (err error) {
		c, err = s.container.GetProperties(t.ctx, nil)
		return err
	})
	if err != nil {
		return r, err
	}
	for _, locked := range []*bool{c.HasImmutabilityPolicy, c.HasLegalHold, c.IsImmutableStorageWithVersioningEnabled} {
		r.Lock = r.Lock || locked != nil && *locked
	}
	r.Versioned = s.versioned.Load()
	if !r.Versioned || !policy.permanent {
		r.SoftDelete = policy.softDelete
	}
	if policy.permanent && !r.Versioned {
		r.Notes = append(r.Notes, "The account allows permanent deletion, which the service grants to versions and snapshots only: a deleted blob without versions stays restorable.")
	}
	r.Notes = append(r.Notes,
		"Point-in-time restore, object replication, Azure Backup and the soft delete of the container keep copies that the storage account's blob service does not tell of.",
		"The change feed, blob inventory reports and resource logs keep object names for as long as they are kept.",
		"A read-access secondary region shows deleted objects until it has caught up.",
	)
	return r, nil
}

// deletePolicy is what the account does with deleted blobs.
type deletePolicy struct {
	softDelete time.Duration // for how long they can be restored; 0 is not at all
	permanent  bool          // versions and snapshots can be deleted from there
}

func (s *Store) deletePolicy(ctx context.Context) (p deletePolicy, err error) {
	var resp service.GetPropertiesResponse
	err = s.retry(ctx, func(t *try) (err error) {
		resp, err = s.service.GetProperties(t.ctx, nil)
		return err
	})
	if d := resp.DeleteRetentionPolicy; err == nil && d != nil {
		if d.Enabled != nil && *d.Enabled && d.Days != nil {
			p.softDelete = time.Duration(*d.Days) * 24 * time.Hour
		}
		p.permanent = d.AllowPermanentDelete != nil && *d.AllowPermanentDelete
	}
	return p, err
}
