package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/gdpr"
)

// configFile is what a folder given as a storage has to hold.
const configFile = "config.json"

const maxConfig = 1 << 20

// local is the library on a storage.
type local struct {
	*job
	regions    voicemail.Regions
	controller *gdpr.Controller
}

// openLocal opens a tenant that is there: a wrong name must not be answered with "no messages".
func openLocal(ctx context.Context, j *job, in *input) (_ office, err error) {
	who := j.actor
	if who == "" {
		u, err := user.Current()
		if err != nil {
			return nil, usageError("the login of this process is not known: say who asks with --actor")
		}
		who = u.Username
	}
	in.req.Actor, in.req.Confirm = who, j.confirm
	l := &local{job: j}
	tenants := ""
	if l.regions, tenants, err = openRegions(ctx, j.store); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	tenant, err := chooseTenant(j.tenant, in.req.CCID, tenants)
	if err != nil {
		return nil, err
	}
	known := false
	for t, err := range voicemail.Tenants(ctx, l.regions.Stores[l.regions.Master]) {
		if err != nil {
			return nil, err
		}
		known = known || t == tenant
	}
	if !known {
		return nil, usageError(fmt.Sprintf("the storage has no tenant %q: name the tenant with --tenant, and see that --store is right", tenant))
	}
	svc, err := voicemail.Open(ctx, l.regions, &voicemail.Options{Tenant: tenant})
	if err != nil {
		return nil, err
	}
	l.controller, err = gdpr.New(svc, nil)
	return l, err
}

// openRegions opens what --store names, and returns the file of tenants, too, if there is one.
func openRegions(ctx context.Context, store string) (voicemail.Regions, string, error) {
	if strings.Contains(store, "://") {
		s, err := config.OpenURL(ctx, store)
		if err != nil {
			return voicemail.Regions{}, "", err
		}
		return voicemail.OneRegion(s), "", nil
	}
	if info, err := os.Stat(store); err == nil && info.IsDir() {
		store = filepath.Join(store, configFile)
	}
	f, err := os.Open(store)
	if err != nil {
		return voicemail.Regions{}, "", usageError("--store is neither a URL, as file:///dir, nor a configuration or a folder with " + configFile)
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return voicemail.Regions{}, "", usageError("the configuration cannot be read")
	}
	c, err := config.Parse(doc)
	if err != nil {
		return voicemail.Regions{}, "", err
	}
	regions, err := c.Open(ctx)
	return regions, c.TenantsFile, err
}

// chooseTenant finds out whose storage it is.
func chooseTenant(named, ccid, file string) (string, error) {
	switch {
	case named != "":
		return named, nil
	case ccid == "" && file == "":
		return "default", nil
	case file == "":
		return "", usageError("the input has a ccid, and nothing says which tenant that is: name the tenant with --tenant")
	case ccid == "":
		return "", usageError("the storage has several tenants: add the ccid to the input, or name the tenant with --tenant")
	}
	tenants, err := config.ReadTenants(file)
	if err != nil {
		return "", err
	}
	id, err := uuid.Parse(ccid)
	i := slices.IndexFunc(tenants, func(t config.Tenant) bool { return t.UUID == id })
	if err != nil || i < 0 {
		return "", usageError("the ccid of the input is that of no tenant in the file of tenants")
	}
	return tenants[i].ID, nil
}

func (l *local) close() error {
	var errs []error
	for _, s := range l.regions.Stores {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (l *local) report(ctx context.Context, op operation, in *input) ([]byte, error) {
	if op == sweep {
		return l.sweep(ctx)
	}
	do := map[operation]func(context.Context, *gdpr.Request) (*gdpr.ForgetReport, error){
		"forgetme": l.controller.ForgetMe, "undoforget": l.controller.UndoForgetMe, "preview": l.controller.Preview,
	}[op]
	report, err := do(ctx, l.watched(in))
	if err != nil {
		return nil, err
	}
	return line(report)
}

// line is how the service writes an answer.
func line(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	return append(doc, '\n'), err
}

// watched is the request with its progress shown.
func (l *local) watched(in *input) *gdpr.Request {
	req := *in.req
	req.Progress = func(p gdpr.Progress) {
		l.progress.update(fmt.Sprintf("%s: %d of %s", l.operation, p.Done, count(p.Total, "message")))
	}
	return &req
}

func (l *local) export(ctx context.Context, in *input, to gdpr.Sink) error {
	_, err := l.controller.ExportMe(ctx, l.watched(in), to)
	return err
}

// sweep reports what was done also where a region could not do its part; who calls it again does the rest.
func (l *local) sweep(ctx context.Context) ([]byte, error) {
	report, err := l.controller.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	doc, err := line(report)
	if err == nil && len(report.Late) > 0 {
		err = partError(count(len(report.Late), "case") + " should have been erased by now: see late in " + outputFile)
	}
	return doc, err
}
