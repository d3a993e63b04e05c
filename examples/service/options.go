package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/service/internal/access"
	"github.com/genesys/voicemail/examples/service/internal/telemetry"
	"github.com/genesys/voicemail/gdpr"
)

const usage = "usage: service [-listen ADDRESS] [-dir DIRECTORY | -config FILE [-gws FILE] [-secrets FILE] [-ticket-key FILE]] [-undo-window DURATION] [-keep=false] [-traces FILE] [-dev]"

// options are what the command line says.
type options struct {
	listen, dir, config, gws, secrets, ticketKey, traces string
	undoWindow                                           time.Duration
	keep, dev                                            bool
}

func parse(out io.Writer, args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8081", "address to listen at")
	flags.StringVar(&o.dir, "dir", "voicemail-demo", "directory of the volume of development mode")
	flags.StringVar(&o.config, "config", "", "file of package config: where the storage is")
	flags.StringVar(&o.gws, "gws", "", "file that says where GWS is, whose tokens are let in: a JSON object of {url, clientId, clientSecretFile, officers, administrators, clients, groups}")
	flags.StringVar(&o.secrets, "secrets", "", "file of who else is let in: a JSON array of {sha256, ccid, user, groups, officer, administrator, depositor, expires}")
	flags.StringVar(&o.ticketKey, "ticket-key", "", "file with 32 bytes, the same for all processes behind one address")
	flags.DurationVar(&o.undoWindow, "undo-window", gdpr.DefaultWindow, "how long what a caller left can be restored after it was forgotten")
	flags.BoolVar(&o.keep, "keep", true, "sync, maintain and sweep every tenant every half hour; -keep=false leaves it to others, such as examples/upkeep")
	flags.StringVar(&o.traces, "traces", "", "file to which spans of OpenTelemetry are added, a line of JSON for each")
	flags.BoolVar(&o.dev, "dev", false, "development mode; it is on without -config")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return o, err
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%d arguments are too many", flags.NArg())
	}
	if err != nil {
		return o, fmt.Errorf("%w; %s", err, usage)
	}
	o.dev = o.dev || o.config == ""
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.dev && !loopback(o.listen):
		return errors.New("development mode lets everybody in: it listens on this machine only, as at 127.0.0.1:8081; name a storage with -config, and who is let in with -secrets")
	case o.undoWindow <= 0 || o.undoWindow > gdpr.DefaultWindow: // which a sweep every hour at least, and the promise of a day, leave
		return fmt.Errorf("-undo-window is more than nothing and at most %v", gdpr.DefaultWindow)
	case !o.dev && o.secrets == "" && o.gws == "":
		return errors.New("nobody could be let in: give -gws or -secrets; " + usage)
	}
	return nil
}

// loopback reports whether an address can be reached from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// verifier returns who is let in, and has it counted what GWS is asked.
func (o options) verifier(watch *telemetry.Telemetry) (auth.Verifier, error) {
	if o.dev {
		return access.NewTable(demoSecrets(), nil), nil
	}
	var all access.AnyOf
	if o.secrets != "" { // first, so that GWS never sees them
		doc, err := os.ReadFile(o.secrets)
		if err != nil {
			return nil, err
		}
		table, err := access.ParseTable(doc)
		if err != nil {
			return nil, err
		}
		all = append(all, table)
	}
	if o.gws != "" {
		v, err := access.OpenGWS(o.gws)
		if err != nil {
			return nil, err
		}
		all = append(all, watch.Verifier(v))
	}
	return all, nil
}

// tickets returns the tickets under the key of the file; without one they are good for this process.
func (o options) tickets() (*access.Tickets, error) {
	if o.ticketKey == "" {
		return access.NewTickets(nil, nil)
	}
	key, err := os.ReadFile(o.ticketKey)
	if err != nil {
		return nil, err
	}
	return access.NewTickets([]byte(strings.TrimSuffix(string(key), "\n")), nil)
}
