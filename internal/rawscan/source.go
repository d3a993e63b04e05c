package rawscan

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/genesys/voicemail/storage"
)

// Item is an object, a version of one, or a file.
type Item struct {
	Name string
	// Tags are its tags, where the storage tells them.
	Tags map[string]string
	// Read returns its content; nil if there is none, as of a delete marker.
	Read func(ctx context.Context) ([]byte, error)
}

// Source yields all items of a place. An error is yielded once and ends it.
type Source func(ctx context.Context) iter.Seq2[Item, error]

// objects yields the objects of a store.
func objects(s storage.Store) Source {
	tagged, _ := storage.As[interface {
		Tags(key string) map[string]string
	}](s)
	return func(ctx context.Context) iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			for info, err := range storage.All(ctx, s, &storage.ListOptions{KeysOnly: true}) {
				if err != nil {
					yield(Item{}, err)
					return
				}
				item := Item{Name: info.Key, Read: func(ctx context.Context) ([]byte, error) {
					return storage.ReadFile(ctx, s, info.Key, maxContent)
				}}
				if tagged != nil {
					item.Tags = tagged.Tags(info.Key)
				}
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// Dir yields everything below the directory root, as the file system has it: also temporary, hidden and foreign files, empty directories, and the targets of
// symbolic links, which are not followed. A directory or file that cannot be read is an error; one that goes away meanwhile is none.
func Dir(root string) Source {
	return func(ctx context.Context) iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				switch {
				case ctx.Err() != nil:
					return ctx.Err()
				case errors.Is(err, fs.ErrNotExist) && path != root:
					return nil
				case err != nil:
					return err
				case path == root:
					return nil
				}
				name, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				if !yield(Item{Name: filepath.ToSlash(name), Read: content(path, d)}, nil) {
					return fs.SkipAll
				}
				return nil
			})
			if err != nil {
				yield(Item{}, cause(err))
			}
		}
	}
}

func content(path string, d fs.DirEntry) func(context.Context) ([]byte, error) {
	switch {
	case d.Type().IsRegular():
		return func(context.Context) ([]byte, error) {
			b, err := os.ReadFile(path)
			return b, cause(err)
		}
	case d.Type()&fs.ModeSymlink != 0:
		return func(context.Context) ([]byte, error) {
			target, err := os.Readlink(path)
			return []byte(target), cause(err)
		}
	}
	return nil
}

// cause returns the error without the name of the file.
func cause(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// gone reports whether an item that was listed is there no more.
func gone(err error) bool {
	return errors.Is(err, storage.ErrNotExist) || errors.Is(err, fs.ErrNotExist)
}
