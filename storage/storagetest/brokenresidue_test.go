package storagetest

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/genesys/voicemail/storage"
)

func residueFlaws() []flaw {
	const ended, dead = "WhatHasEndedLeavesNoResidue", "WhatADeadCreateLeftIsFoundAndGoesWithItsName"
	// told changes what is told of each residue.
	told := func(change func(*storage.Residue)) func(p *process) {
		return func(p *process) {
			p.left = func(prefix string) ([]storage.Residue, error) {
				all := p.residue(prefix)
				for i := range all {
					change(&all[i])
				}
				return all, nil
			}
		}
	}
	return []flaw{
		{"keeps the file of a body that failed", ended, func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Create(ctx, key, body, opts)
				if errors.Is(err, errBroken) {
					p.strand(key)
				}
				return info, err
			}
		}},
		{"keeps the file of a Create that was refused", ended, func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Create(ctx, key, body, opts)
				if errors.Is(err, storage.ErrExists) {
					p.strand(key)
				}
				return info, err
			}
		}},
		{"keeps what it deletes", ended, func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if _, err := p.disk.Stat(ctx, key); err == nil {
						p.strand(key)
					}
				}
				return p.disk.Delete(ctx, keys...)
			}
		}},
		{"fails where there is nothing", ended, func(p *process) {
			p.left = func(prefix string) ([]storage.Residue, error) {
				page, err := p.disk.List(context.Background(), &storage.ListOptions{Prefix: prefix})
				if err == nil && len(page.Objects) == 0 {
					err = fail(storage.ErrNotExist)
				}
				return nil, err
			}
		}},
		{"says nothing of what the dead left", dead, func(p *process) {
			p.left = func(string) ([]storage.Residue, error) { return nil, nil }
		}},
		{"takes the prefix for a folder", dead, func(p *process) {
			p.left = func(prefix string) ([]storage.Residue, error) {
				return p.residue(prefix[:strings.LastIndex(prefix, "/")+1]), nil
			}
		}},
		{"does not know whose it is", dead, told(func(r *storage.Residue) { r.Key = "" })},
		{"has no times of residue", dead, told(func(r *storage.Residue) { r.Modified = time.Time{} })},
		{"has a prefix that is not the object's", dead, told(func(r *storage.Residue) { r.Prefix = "v2/" })},
		{"deletes objects only", dead, func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if _, err := p.disk.Stat(ctx, key); err == nil {
						p.bury(key)
					}
				}
				return p.disk.Delete(ctx, keys...)
			}
		}},
		{"deletes the residue of neighbours", dead, func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					for _, r := range p.residue(key) {
						p.bury(r.Key)
					}
				}
				return p.disk.Delete(ctx, keys...)
			}
		}},
	}
}
