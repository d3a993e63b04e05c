package asterisk

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

func (im *importer) contexts(ctx context.Context) error {
	entries, err := im.readDir(".")
	if err != nil {
		return err
	}
	return im.directories(entries, Item{}, func(it *Item) *string { return &it.Context }, func(at Item) error { return im.context(ctx, at) })
}

func (im *importer) context(ctx context.Context, at Item) error {
	entries, err := im.readDir(at.Context)
	if err != nil {
		im.unread(at, err)
		return nil
	}
	return im.directories(entries, at, func(it *Item) *string { return &it.Mailbox }, func(at Item) error { return im.mailbox(ctx, at) })
}

// directories calls do for each directory among the entries, and reports the rest. level is the field of an item that the directories are the values of.
func (im *importer) directories(entries []fs.DirEntry, at Item, level func(*Item) *string, do func(Item) error) error {
	files := 0
	for _, e := range entries {
		below := at
		*level(&below) = e.Name()
		switch {
		case e.IsDir():
			if err := do(below); err != nil {
				return err
			}
		case !e.Type().IsRegular():
			im.skip(below, NotRegular)
		default:
			files++
		}
	}
	im.foreign(at, files)
	return nil
}

func (im *importer) mailbox(ctx context.Context, at Item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to, ok := im.Mailbox(at.Context, at.Mailbox)
	if !ok {
		im.skip(at, Unmapped)
		return nil
	}
	at.To = to
	entries, err := im.readDir(path.Join(at.Context, at.Mailbox))
	if err != nil {
		im.unread(at, err)
		return nil
	}
	if im.Create != nil {
		_, err := im.svc.CreateMailbox(ctx, to, im.Create(at.Context, at.Mailbox))
		switch {
		case errors.Is(err, voicemail.ErrMailboxExists):
		case errors.Is(err, voicemail.ErrInvalid):
			im.fail(at, Invalid, err)
			return nil
		case err != nil:
			im.fail(at, Storage, err)
			return err
		}
	}
	files, rest := group(entries, func(stem string) bool {
		_, ok := greetingKind(stem)
		return ok
	})
	for _, stem := range sorted(files) {
		it := at
		it.Name = stem
		kind, _ := greetingKind(stem)
		g := greeting{importer: im, it: it, kind: kind, files: files[stem]}
		if err := g.run(ctx); err != nil {
			return err
		}
	}
	rest = slices.DeleteFunc(rest, func(e fs.DirEntry) bool {
		if e.Name() != "secret.conf" {
			return false
		}
		it := at
		it.Name = e.Name()
		im.skip(it, IsSecret)
		return true
	})
	return im.directories(rest, at, func(it *Item) *string { return &it.Folder }, func(at Item) error { return im.folder(ctx, at) })
}

func (im *importer) folder(ctx context.Context, at Item) error {
	entries, err := im.readDir(im.path(at))
	if err != nil {
		im.unread(at, err)
		return nil
	}
	how, ok := im.Folder(at.Folder)
	if at.Folder == "tmp" && !ok {
		if len(entries) > 0 {
			im.skip(at, InProgress)
		}
		return nil
	}
	messages, rest := group(entries, isMessage)
	if !ok && len(messages) == 0 {
		im.skip(at, Unmapped)
		return nil
	}
	for _, stem := range sorted(messages) {
		it := at
		it.Name = stem
		if !ok {
			im.skip(it, Unmapped)
			continue
		}
		m := message{importer: im, it: it, how: how, files: messages[stem]}
		if err := m.run(ctx); err != nil {
			return err
		}
	}
	im.foreign(at, len(rest))
	return nil
}

// path is where the item is in the spool: a directory, or a file without its ending.
func (im *importer) path(it Item) string {
	return path.Join(it.Context, it.Mailbox, it.Folder, it.Name)
}

// files are the files of one message or greeting, by their endings.
type files map[string]fs.DirEntry

// group sorts the entries into the files whose names without ending are wanted, and the rest. Locks belong to nothing and are left out.
func group(entries []fs.DirEntry, wanted func(stem string) bool) (groups map[string]files, rest []fs.DirEntry) {
	groups = map[string]files{}
	for _, e := range entries {
		stem, ext, ok := strings.Cut(e.Name(), ".")
		switch {
		case ok && ext != "" && wanted(stem):
			if groups[stem] == nil {
				groups[stem] = files{}
			}
			groups[stem][ext] = e
		case strings.HasPrefix(e.Name(), ".lock") || e.Name() == "lock":
		default:
			rest = append(rest, e)
		}
	}
	return groups, rest
}

func sorted(groups map[string]files) []string {
	stems := make([]string, 0, len(groups))
	for stem := range groups {
		stems = append(stems, stem)
	}
	slices.Sort(stems)
	return stems
}

// isMessage reports whether the name without ending is a message's: msg and a number, of four digits as Asterisk writes it or of more.
func isMessage(stem string) bool {
	number, ok := strings.CutPrefix(stem, "msg")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// recording returns the ending of the best recording, or why there is none.
func (fs files) recording(formats []string) (ext string, why Reason) {
	why = NoRecording
	for ext := range fs {
		if ext != "txt" {
			why = UnknownFormat
		}
	}
	for _, ext := range formats {
		e, ok := fs[ext]
		if !ok {
			continue
		}
		info, err := e.Info()
		switch {
		case err != nil:
			why = Unreadable
		case !e.Type().IsRegular():
			why = NotRegular
		case info.Size() > 0:
			return ext, ""
		default:
			why = Empty
		}
	}
	return "", why
}

// settled reports whether nothing of the files was written lately: what is missing then will not come any more.
func (fs files) settled(now time.Time) bool {
	for _, e := range fs {
		if info, err := e.Info(); err != nil || now.Sub(info.ModTime()) < settling {
			return false
		}
	}
	return true
}

// settling is how long a server may take from the first to the last byte of what it writes into a folder, and hold a lock of it. Recordings are made
// elsewhere, and moved.
const settling = 2 * time.Minute
