// Command gdpr carries a data-protection request out: it is called like the documented product's gdpr.js, by a person or by a scheduler.
//
//	gdpr -i INPUT -o OUTPUT -p OPERATION (-u TOKEN [--basic] | -c CREDENTIALS | --store STORAGE) [more]
//
//	-i, --input       the request in JSON, or a folder with input.json
//	-o, --output      a folder for output.json, execution.log and what is exported; it is made if it is missing
//	-p, --operation   forgetme, exportme, undoforget (or undoforgot), preview; with --store also sweep, which needs no input
//	-u, --user        the token of a user, sent as bearer
//	    --basic       what -u gives is user and password in base64, sent as basic
//	-c, --client      client credentials, id:secret or the secret alone; a token is got for them at GWS_URL. The input then has to have a ccid
//	    --store       work without a service on a storage: file:///dir, azblob://…, s3://…, or the file or folder (config.json) that package config reads
//
//	    --confirm     more messages of one number than one caller leaves are meant
//	    --attempts    how often a request is sent at most, 4 by default
//	    --tenant      with --store: the tenant; by default that of the ccid, where the configuration names a file of tenants, else "default"
//	    --actor       with --store: who asks, which is recorded; by default the login
//	    --service     the URL of the service, by default VOICEMAIL_URL, else the host of GWS_URL
//	    --allow-http  send credentials unencrypted to another machine
//
// The value of -u and -c is @FILE, env:NAME, or the secret itself; every process of the machine can read the last. In the environment GWS_URL is the URL of GWS as https://gws.example.com, with
// or without the path /auth/v3; GWS_CLIENT_ID the ID that belongs to a secret alone.
//
// # Output
//
// output.json is the answer of the service; for exportme {"caseid": …, "consumers": {"<phone>": ["<file>", …]}}. It is there if this run succeeded, and is complete: an earlier one is removed
// at the start, and files get their names when all of them are here. Export media are named by their messages; messages.csv and index.html describe them. What other runs left stays beside it; a
// hidden folder that a killed one left is removed by a run a day later.
//
// execution.log gets lines added: what was done, when, with which code. It has no token and no number in it. Progress is shown on standard error: in place on a terminal, else as
// lines. The last line on standard output says what became of the case.
//
// # Exit codes
//
//	0    done
//	1    failed: something is wrong in the service, on its storage or on this machine
//	2    the command, its configuration or the request is not right; nothing was changed
//	3    the credentials are not accepted, or not for this contact center; nothing was changed
//	4    the state of the case does not allow it: no such case, decided, another request, or to be confirmed
//	5    the service, a region or GWS could not be reached, after all attempts: try again later
//	6    done in part: some messages could not be exported (messages.csv says which and why), or a sweep finds a promise broken
//	130  interrupted
//
// Only what can pass by itself is tried again: no connection, a cut one, and the statuses 429, 502, 503 and 504; after the time that the answer names (Retry-After), up to five minutes, or a second,
// two, four and so on. A request can be sent twice: its case ID makes it the same request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, &process{args: os.Args[1:], getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr, wait: wait})
	stop()
	os.Exit(code)
}

// process is what a command has of its surroundings.
type process struct {
	args           []string
	getenv         func(string) string
	stdout, stderr io.Writer
	wait           func(context.Context, time.Duration) error
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// run returns the exit code.
func run(ctx context.Context, p *process) int {
	opts, err := parseOptions(p.args, p.getenv)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.stdout, usage)
		return exitDone
	}
	var out *folder
	if err == nil {
		out, err = openFolder(opts.output)
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "gdpr: %v\n", err)
		return exitCode(ctx, err)
	}
	j := &job{process: p, options: opts, out: out, log: out.logger().With("operation", string(opts.operation)), progress: newProgress(p.stderr)}
	summary, err := j.run(ctx)
	j.progress.end()
	code := exitCode(ctx, err)
	if err == nil || code == exitPart {
		fmt.Fprintln(p.stdout, summary)
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "gdpr: %v\n", err)
	}
	j.log.Info("finished", "exit", code, "code", codeOf(ctx, err))
	if err := out.close(); err != nil {
		fmt.Fprintf(p.stderr, "gdpr: %v\n", err)
		return max(code, exitFailed)
	}
	return code
}
