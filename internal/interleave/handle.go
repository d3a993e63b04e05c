package interleave

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/genesys/voicemail/storage"
)

// handle is an operation's view of a store: each call waits for the explorer.
type handle struct {
	world  *World
	name   string
	store  storage.Store
	closed atomic.Bool
}

// do has the explorer run a call. An error means that it was not run.
func (h *handle) do(ctx context.Context, c *call) error {
	return h.doAll(ctx, &group{calls: []*call{c}})
}

func (h *handle) doAll(ctx context.Context, g *group) error {
	if h.closed.Load() {
		return &storage.Error{Op: g.calls[0].verb, Driver: "interleave", Kind: storage.ErrClosed}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, c := range g.calls {
		c.store = h.name
	}
	return h.world.run.submit(h.world.proc, g)
}

func (h *handle) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (info storage.Info, err error) {
	var data []byte
	if body != nil {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return info, fmt.Errorf("rewinding the body: %w", err)
		}
		if data, err = io.ReadAll(body); err != nil {
			return info, fmt.Errorf("reading the body: %w", err)
		}
	}
	detail := digest(data)
	if opts != nil {
		detail += fmt.Sprintf(" %+v", *opts)
	}
	skipped := h.do(ctx, &call{verb: "create", what: key, detail: detail, exec: func() (string, string) {
		info, err = h.store.Create(ctx, key, bytes.NewReader(data), opts)
		return outcome(err), infoText(info)
	}})
	return info, cmp.Or(skipped, err)
}

func (h *handle) Open(ctx context.Context, key string, opts *storage.OpenOptions) (obj storage.Object, err error) {
	detail := ""
	if opts != nil {
		detail = fmt.Sprintf("%d+%d", opts.Offset, opts.Length)
	}
	skipped := h.do(ctx, &call{verb: "open", what: key, detail: detail, exec: func() (string, string) {
		o, e := h.store.Open(ctx, key, opts)
		if e != nil {
			err = e
			return outcome(err), ""
		}
		data, e := io.ReadAll(o)
		info := o.Info()
		_ = o.Close() // it was read to its end, or to an error that is kept
		obj = &object{data: bytes.NewReader(data), end: cmp.Or(e, io.EOF), info: info}
		return cmp.Or(preview(data), outcome(e)), digest(data) + infoText(info) + outcome(e)
	}})
	if err = cmp.Or(skipped, err); err != nil {
		return nil, err
	}
	return obj, nil
}

func (h *handle) Stat(ctx context.Context, key string) (info storage.Info, err error) {
	skipped := h.do(ctx, &call{verb: "stat", what: key, exec: func() (string, string) {
		info, err = h.store.Stat(ctx, key)
		return outcome(err), infoText(info)
	}})
	return info, cmp.Or(skipped, err)
}

func (h *handle) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return ctx.Err()
	}
	detail := ""
	if len(keys) > 1 {
		sorted := slices.Sorted(slices.Values(keys))
		detail = "of " + strings.Join(sorted, " ")
	}
	errs := make([]error, len(keys))
	g := &group{}
	for i, key := range keys {
		g.calls = append(g.calls, &call{verb: "delete", what: key, detail: detail, exec: func() (string, string) {
			errs[i] = h.store.Delete(ctx, key)
			return outcome(errs[i]), ""
		}})
	}
	if err := h.doAll(ctx, g); err != nil {
		return err
	}
	return errors.Join(errs...)
}

func (h *handle) List(ctx context.Context, opts *storage.ListOptions) (page *storage.Page, err error) {
	what, detail := "", ""
	if opts != nil {
		what = opts.Prefix
		if opts.Token != "" {
			what += " (next page)"
		}
		detail = fmt.Sprintf("%+v", *opts)
	}
	skipped := h.do(ctx, &call{verb: "list", what: what, detail: detail, exec: func() (string, string) {
		page, err = h.store.List(ctx, opts)
		if err != nil {
			return outcome(err), ""
		}
		return pageText(page), pageDetail(page)
	}})
	if err = cmp.Or(skipped, err); err != nil {
		return nil, err
	}
	return page, nil
}

func (h *handle) Close() error {
	h.closed.Store(true)
	return nil
}

// object is an object that was read whole when it was opened.
type object struct {
	data   *bytes.Reader
	end    error
	info   storage.Info
	closed bool
}

func (o *object) Info() storage.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	if o.closed {
		return 0, fs.ErrClosed
	}
	n, err := o.data.Read(p)
	if errors.Is(err, io.EOF) {
		err = o.end
	}
	return n, err
}

func (o *object) Close() error {
	o.closed = true
	return nil
}

// outcome is an error in the words of a schedule.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, storage.ErrExists):
		return "exists"
	case errors.Is(err, storage.ErrNotExist):
		return "not found"
	}
	return err.Error()
}

func infoText(i storage.Info) string {
	return fmt.Sprintf("%s %d %d", i.Key, i.Size, i.Modified.UnixNano())
}

func pageText(p *storage.Page) string {
	var names []string
	for _, o := range p.Objects {
		names = append(names, o.Key)
	}
	names = append(names, p.Prefixes...)
	if p.Next != "" {
		names = append(names, "…")
	}
	return "[" + strings.Join(names, " ") + "]"
}

func pageDetail(p *storage.Page) string {
	var b strings.Builder
	for _, o := range p.Objects {
		b.WriteString(infoText(o) + "\n")
	}
	fmt.Fprintf(&b, "%q %q", p.Prefixes, p.Next)
	return b.String()
}

// preview is short text as it is, and of anything else the length.
func preview(data []byte) string {
	if len(data) > 0 && len(data) <= 40 && !bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%d bytes", len(data))
}
