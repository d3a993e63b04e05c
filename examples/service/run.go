package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/examples/service/internal/api"
	"github.com/genesys/voicemail/examples/service/internal/health"
	"github.com/genesys/voicemail/examples/service/internal/serve"
	"github.com/genesys/voicemail/examples/service/internal/telemetry"
	"github.com/genesys/voicemail/examples/service/internal/tenants"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/mwi"
)

//go:embed web
var web embed.FS

// keepEvery is how often tenants are kept; see tenants.Pool.Keep. It is half of what gdpr.Options.Interval is by default, for rounds that take long.
const keepEvery = 30 * time.Minute

// run serves until ctx is done. started, if set, is told where.
func run(ctx context.Context, out io.Writer, args []string, started func(net.Addr)) (err error) {
	o, err := parse(out, args)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(out, nil))
	s, err := open(ctx, o, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	if o.dev {
		if err := s.demo(ctx, out, "http://"+l.Addr().String()); err != nil {
			return errors.Join(err, l.Close())
		}
		logger.WarnContext(ctx, "DEVELOPMENT MODE: everybody on this machine is let in with secrets that are public; not for real messages")
	}
	logger.InfoContext(ctx, "the service listens", "address", l.Addr().String())
	if started != nil {
		started(l.Addr())
	}
	keeping, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	if o.keep {
		wg.Go(func() { s.tenants.Keep(keeping, keepEvery) })
	}
	defer wg.Wait()
	defer stop()
	return s.server.Serve(ctx, l)
}

// service is everything that hangs together.
type service struct {
	regions   voicemail.Regions
	telemetry *telemetry.Telemetry
	tenants   *tenants.Pool
	server    *serve.Server
}

// open puts the service together.
func open(ctx context.Context, o options, logger *slog.Logger) (*service, error) {
	regions, directory, err := storages(ctx, o, logger)
	if err != nil {
		return nil, err
	}
	s := &service{regions: regions}
	fail := func(err error) (*service, error) { return nil, errors.Join(err, s.Close()) }
	if s.telemetry, err = telemetry.New(o.traces); err != nil {
		return fail(err)
	}
	nobody, err := s.telemetry.Tenant("") // whose the look at the storages is
	if err != nil {
		return fail(err)
	}
	who, err := o.verifier(s.telemetry)
	if err != nil {
		return fail(err)
	}
	tickets, err := o.tickets()
	if err != nil {
		return fail(err)
	}
	s.tenants = tenants.New(regions, tenants.Options{
		Directory: directory, Service: voicemail.Options{Logger: logger}, Lamps: mwi.Options{Logger: logger}, Privacy: gdpr.Options{Window: o.undoWindow}, Telemetry: s.telemetry,
		Logger: logger,
	})
	serving := serve.Options{Logger: logger}
	banner := ""
	if o.dev {
		banner = demoBanner
		serving.Hosts = []string{"localhost", "127.0.0.1", "[::1]"}
		serving.Header = http.Header{"Voicemail-Development": {"true"}}
	}
	s.server = serve.New(serving)
	handler := api.New(api.Options{
		Verifier: who, Tickets: tickets, Tenants: s.tenants, Health: health.New(nobody.Regions(regions), logger, nil), Draining: s.server.Draining(), Banner: banner,
		Logger: logger,
	})
	pages, err := fs.Sub(web, "web")
	if err != nil {
		return fail(err)
	}
	beside := http.NewServeMux()
	beside.Handle("GET /metrics", s.telemetry.Handler())
	beside.Handle("/", http.FileServerFS(pages))
	s.server.Handle(handler.Beside(beside), handler.MaxBody())
	return s, nil
}

// storages opens what the command line names, and says which tenants there are.
func storages(ctx context.Context, o options, logger *slog.Logger) (voicemail.Regions, tenants.Directory, error) {
	if o.config == "" {
		regions, err := demoVolume(ctx, o.dir)
		return regions, demoTenants(), err
	}
	doc, err := os.ReadFile(o.config)
	if err != nil {
		return voicemail.Regions{}, nil, err
	}
	c, err := config.Parse(doc)
	if err != nil {
		return voicemail.Regions{}, nil, err
	}
	directory := demoTenants()
	if !o.dev {
		if c.TenantsFile == "" {
			return voicemail.Regions{}, nil, fmt.Errorf("%s: tenantsFile is missing; it says which tenant a contact center has", o.config)
		}
		if directory, err = tenants.OpenFile(c.TenantsFile, logger); err != nil {
			return voicemail.Regions{}, nil, err
		}
	}
	regions, err := c.Open(ctx)
	return regions, directory, err
}

// Close closes the tenants and the storages. Nobody is served any more.
func (s *service) Close() error {
	var errs []error
	if s.tenants != nil {
		errs = append(errs, s.tenants.Close())
	}
	for _, store := range s.regions.Stores {
		errs = append(errs, store.Close())
	}
	if s.telemetry != nil {
		errs = append(errs, s.telemetry.Close())
	}
	return errors.Join(errs...)
}
