package main

import (
	"errors"
	"flag"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/genesys/voicemail/examples/internal/gdprapi"
)

const usage = `usage: gdpr -i INPUT -o OUTPUT -p OPERATION (-u TOKEN [--basic] | -c CREDENTIALS | --store STORAGE)

  -i, --input       the request in JSON, or a folder with input.json
  -o, --output      a folder for output.json, execution.log and what is exported
  -p, --operation   forgetme, exportme, undoforget, preview; with --store also sweep
  -u, --user        the token of a user: @FILE, env:NAME, or the token
      --basic       it is user and password in base64
  -c, --client      client credentials, id:secret or a secret: @FILE, env:NAME, or they
      --store       a storage instead of a service: file:///dir, azblob://..., s3://..., or a configuration
      --confirm     more messages than one caller leaves are meant
      --attempts    how often a request is sent at most (4)
      --tenant      with --store: the tenant
      --actor       with --store: who asks (the login)
      --service     the URL of the service (VOICEMAIL_URL, or the host of GWS_URL)
      --allow-http  send credentials unencrypted to another machine

exit codes: 0 done, 1 failed, 2 usage or request wrong, 3 credentials refused, 4 the case does not allow it,
5 not reachable, try again later, 6 done in part, 130 interrupted
`

// operation is what the command does: one of the API's, or sweep.
type operation string

const sweep operation = "sweep"

// operations are those that the option takes, in all their spellings.
var operations = map[string]operation{
	"forgetme": operation(gdprapi.Forget), "exportme": operation(gdprapi.Export), "preview": operation(gdprapi.Preview), "sweep": sweep,
	"undoforget": operation(gdprapi.Undo), "undoforgot": operation(gdprapi.Undo), // the product's documentation has both
}

// options are those of the command, and what the environment adds.
type options struct {
	input, output     string
	operation         operation
	user, client      string
	basic             bool
	store             string
	tenant, actor     string
	service, gws      string
	gwsClient         string
	confirm, insecure bool
	attempts          int
}

const maxAttempts = 20

// newFlags returns the flags, which set o. A short name and its long one set the same.
func newFlags(o *options) *flag.FlagSet {
	flags := flag.NewFlagSet("gdpr", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, f := range []struct {
		to          *string
		short, long string
	}{
		{&o.input, "i", "input"}, {&o.output, "o", "output"}, {&o.user, "u", "user"}, {&o.client, "c", "client"},
		{(*string)(&o.operation), "p", "operation"}, {&o.store, "", "store"}, {&o.tenant, "", "tenant"}, {&o.actor, "", "actor"}, {&o.service, "", "service"},
	} {
		flags.StringVar(f.to, f.long, "", "")
		if f.short != "" {
			flags.StringVar(f.to, f.short, "", "")
		}
	}
	flags.BoolVar(&o.basic, "basic", false, "")
	flags.BoolVar(&o.confirm, "confirm", false, "")
	flags.BoolVar(&o.insecure, "allow-http", false, "")
	flags.IntVar(&o.attempts, "attempts", 4, "")
	return flags
}

// parseOptions reads the arguments and the environment. No error cites a value: it may be a token in the wrong place.
func parseOptions(args []string, getenv func(string) string) (*options, error) {
	o := &options{gws: getenv("GWS_URL"), gwsClient: getenv("GWS_CLIENT_ID")}
	flags := newFlags(o)
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		if strings.HasPrefix(err.Error(), "flag needs an argument: ") {
			return nil, usageError("an option is without its value: " + strings.TrimPrefix(err.Error(), "flag needs an argument: "))
		}
		return nil, usageError("an option is not known or has a value that it cannot have; a value follows behind a space or =, see --help")
	}
	if o.service == "" {
		o.service = getenv("VOICEMAIL_URL")
	}
	for _, fault := range o.faults(flags) {
		if fault.is {
			return nil, usageError(fault.fix)
		}
	}
	o.operation = operations[string(o.operation)]
	if o.store != "" {
		return o, nil
	}
	return o, o.remote(getenv)
}

type fault struct {
	is  bool
	fix string
}

func (o *options) faults(flags *flag.FlagSet) []fault {
	op, known := operations[string(o.operation)]
	ways := 0
	for _, way := range []string{o.user, o.client, o.store} {
		if way != "" {
			ways++
		}
	}
	return []fault{
		{flags.NArg() > 0, "there are " + strconv.Itoa(flags.NArg()) + " arguments that belong to no option"},
		{o.operation == "", "-p is missing: forgetme, exportme, undoforget or preview"},
		{!known, "-p must be forgetme, exportme, undoforget, undoforgot or preview, or with --store sweep"},
		{o.output == "", "-o is missing: a folder for the output"},
		{ways == 0, "-u or -c is missing: a user's token or client credentials; or --store"},
		{ways > 1, "only one of -u, -c and --store is possible"},
		{op == sweep && o.store == "", "sweep needs --store: a service sweeps by itself"},
		{op == sweep && o.input != "", "sweep takes no -i: it carries out what was asked before"},
		{op != sweep && o.input == "", "-i is missing: the request, or a folder with input.json"},
		{o.basic && o.user == "", "--basic is for -u only"},
		{o.store == "" && o.tenant+o.actor != "", "--tenant and --actor are for --store only: a token says both"},
		{o.store != "" && flagGiven(flags, "service"), "--service is not for --store"},
		{o.confirm && op != operation(gdprapi.Forget), "--confirm is for forgetme only"},
		{o.attempts < 1 || o.attempts > maxAttempts, "--attempts must be 1 to " + strconv.Itoa(maxAttempts)},
	}
}

func flagGiven(flags *flag.FlagSet, name string) bool {
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// remote completes what a service needs.
func (o *options) remote(getenv func(string) string) (err error) {
	if o.client != "" && o.gws == "" {
		return usageError("GWS_URL is missing in the environment: it says where client credentials are turned into a token")
	}
	if o.service == "" {
		if u, err := url.Parse(o.gws); err == nil && u.Host != "" {
			o.service = u.Scheme + "://" + u.Host
		}
	}
	if o.service == "" {
		return usageError("the URL of the service is missing: --service, or VOICEMAIL_URL or GWS_URL in the environment")
	}
	for _, raw := range []string{o.service, o.gws} {
		if raw == o.gws && o.client == "" {
			continue // nothing is sent there
		}
		if u, err := url.Parse(raw); err == nil && u.Scheme == "http" && !o.insecure && !loopback(u.Hostname()) {
			return usageError("a URL begins with http://, by which others can read credentials on the way: use https://, or --allow-http if the way is safe")
		}
	}
	if o.user, err = secret(o.user, getenv); err != nil {
		return err
	}
	o.client, err = secret(o.client, getenv)
	return err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// maxSecret bounds a token.
const maxSecret = 16 << 10

// secret returns what an option names: the content of @FILE, the value of env:NAME, or itself.
func secret(text string, getenv func(string) string) (string, error) {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		f, err := os.Open(file)
		if err != nil {
			return "", usageError("the file of the token cannot be read")
		}
		defer f.Close()
		doc, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil || len(doc) > maxSecret {
			return "", usageError("the file of the token cannot be read, or is too large")
		}
		text = strings.TrimSpace(string(doc))
	} else if name, ok := strings.CutPrefix(text, "env:"); ok {
		text = strings.TrimSpace(getenv(name))
	} else {
		return text, nil
	}
	if text == "" {
		return "", usageError("the token is empty where the option says that it is")
	}
	return text, nil
}
