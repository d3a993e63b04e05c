package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/examples/internal/gws"
	"github.com/genesys/voicemail/gdpr"
)

// remote is a service.
type remote struct {
	*job
	client *gdprapi.Client
}

// openRemote gets a token if there is none yet.
func openRemote(ctx context.Context, j *job) (office, error) {
	credentials := auth.NewCredentials(auth.Bearer, j.user)
	switch {
	case j.client != "":
		app, err := gws.ParseApplication(j.client, j.gwsClient)
		if err != nil {
			return nil, usageError(err.Error() + " (GWS_CLIENT_ID in the environment)")
		}
		server, err := gws.New(j.gws, nil)
		if err != nil {
			return nil, usageError(err.Error())
		}
		if credentials, err = server.ClientToken(ctx, app); err != nil {
			return nil, err
		}
		j.log.Info("got a token for the client")
	case j.basic:
		value := j.user
		if strings.Contains(value, ":") { // not yet in base64
			value = base64.StdEncoding.EncodeToString([]byte(value))
		}
		credentials = auth.NewCredentials(auth.Basic, value)
	}
	if strings.ContainsFunc(credentials.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, usageError("the token has characters that no token has")
	}
	client, err := gdprapi.NewClient(j.service, credentials, nil)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return &remote{j, client}, nil
}

func (r *remote) close() error {
	r.client.Close()
	return nil
}

func (r *remote) report(ctx context.Context, op operation, in *input) ([]byte, error) {
	r.progress.update(fmt.Sprintf("%s: waiting for the service", op))
	return r.client.Report(ctx, gdprapi.Operation(op), in.doc, r.confirm)
}

// export takes the archive in whole before anything is unpacked: where a connection is cut, an archive does not say so itself. The file that it is in has no
// name, so that nothing stays of a process that is killed.
func (r *remote) export(ctx context.Context, in *input, to gdpr.Sink) error {
	spool, err := os.CreateTemp(r.out.dir, staging)
	if err != nil {
		return outputError(err)
	}
	defer func() { _ = spool.Close() }()
	if err := os.Remove(spool.Name()); err != nil {
		return outputError(err)
	}
	r.progress.update("exportme: waiting for the service")
	n, err := r.client.Export(ctx, in.doc, &metered{w: spool, show: func(n int64) {
		r.progress.update(fmt.Sprintf("exportme: %d kB received", n/1000))
	}})
	var written *os.PathError
	if errors.As(err, &written) {
		return outputError(err)
	}
	if err != nil {
		return err
	}
	return unpack(spool, n, to)
}

// metered says how much was written.
type metered struct {
	w    io.Writer
	n    int64
	show func(int64)
}

func (m *metered) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.n += int64(n)
	m.show(m.n)
	return n, err
}
