// Command upkeep does once, for every tenant of a storage, what is due every hour: it brings in deposits that waited for the master region, erases what was forgotten, and deletes what has
// expired or was left behind.
//
//	upkeep -config FILE
//	upkeep -config FILE -init
//
// FILE is what package config reads. The tenants are those that the storage has something of, also those that have left the file of tenants: what was promised to their callers is kept. It logs a line
// for each of them. What fails for one does not keep it from the others; the exit code is then 1, and the next run does the rest. It can be killed at any point, and may run beside
// itself and beside services that do the same.
//
// With -init it prepares the volume that FILE names and does nothing else; on one that is prepared it does nothing. See pvstore.Init: it is a step of the installation, which must not
// run at every start.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/pvstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "upkeep:", err)
		os.Exit(1)
	}
}

const usage = "usage: upkeep -config FILE [-init]"

func run(ctx context.Context, out io.Writer, args []string) (err error) {
	flags := flag.NewFlagSet("upkeep", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config", "", "file of package config: where the storage is")
	prepare := flags.Bool("init", false, "prepare the volume, once, and do nothing else")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return err
	} else if err != nil {
		return fmt.Errorf("%w; %s", err, usage)
	}
	if *file == "" || flags.NArg() > 0 {
		return errors.New(usage)
	}
	doc, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	c, err := config.Parse(doc)
	if err != nil {
		return err
	}
	if *prepare {
		if c.StorageInterface != config.FileSystem {
			return errors.New("only a volume is prepared: a container or bucket is made with the tools of its cloud")
		}
		return pvstore.Init(ctx, c.MountPath)
	}
	regions, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range regions.Stores {
			err = errors.Join(err, s.Close())
		}
	}()
	return keepAll(ctx, regions, slog.New(slog.NewJSONHandler(out, nil)))
}

// keepAll keeps every tenant, and returns all that failed.
func keepAll(ctx context.Context, regions voicemail.Regions, logger *slog.Logger) error {
	var failed []error
	for tenant, err := range voicemail.Tenants(ctx, regions.Stores[regions.Master]) {
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		if err := keep(ctx, regions, tenant, logger.With("tenant", tenant)); err != nil {
			failed = append(failed, fmt.Errorf("tenant %s: %w", tenant, err))
		}
	}
	return errors.Join(failed...)
}

// keep does for a tenant what is due, each step also if another one fails. Erasing comes before what is not promised to anybody by a time.
func keep(ctx context.Context, regions voicemail.Regions, tenant string, logger *slog.Logger) error {
	svc, err := voicemail.Open(ctx, regions, &voicemail.Options{Tenant: tenant, Logger: logger})
	if err != nil {
		return err
	}
	office, err := gdpr.New(svc, nil)
	if err != nil {
		return err
	}
	synced, syncErr := svc.Sync(ctx)
	for _, d := range synced.Kept {
		logger.WarnContext(ctx, "a deposit that waits cannot be brought in", "message", d.Message, "mailbox", d.Mailbox, "region", d.Region, "error", d.Err)
	}
	sweep, sweepErr := office.Sweep(ctx)
	if sweep == nil {
		sweep = &gdpr.SweepReport{}
	}
	maintained, maintainErr := svc.Maintain(ctx)
	logger.InfoContext(ctx, "kept", "synced", synced.Synced, "stuck", len(synced.Kept),
		"erased", sweep.Messages, "receipts", len(sweep.Closed), "open", sweep.Open, "late", len(sweep.Late),
		"expired", maintained.Expired+maintained.Aged+maintained.Purged, "mailboxes", maintained.Mailboxes, "messages", maintained.Messages)
	var late error
	if n := len(sweep.Late); n > 0 {
		late = fmt.Errorf("cases that should have been erased by now: %d; gdpr.Controller.Status says more of each", n)
	}
	return errors.Join(syncErr, sweepErr, late, maintainErr)
}
