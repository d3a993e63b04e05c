package gdprapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/gdpr"
)

// Unreachable is the code of a Problem that the client makes: there was no answer, or it was cut off. The request can be sent again: the case ID makes it the same request.
const Unreachable = "unreachable"

// Bounds of what the client takes.
const (
	maxAnswer  = 64 << 20
	maxArchive = 64 << 30
)

// stallAfter is how long an answer may bring nothing. A forget of thousands of messages answers when it is done.
const stallAfter = 5 * time.Minute

// Client sends requests to the handler. It tries nothing twice. Its errors are *problem.Problem and hold neither credentials nor a URL. It is safe for concurrent use.
type Client struct {
	base        *url.URL
	credentials auth.Credentials
	http        *http.Client
}

// NewClient returns a client of the service at a URL, without [Base]. The transport is for tests; nil is a good one. Redirects are not followed: a request holds numbers.
func NewClient(base string, c auth.Credentials, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of the service must be like https://voicemail.example.com, without user and query")
	}
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true
		transport = t
	}
	return &Client{base: u, credentials: c, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Report sends a request whose answer is a report, and returns it as it came, a gdpr.ForgetReport in JSON. Confirm says that more matches than usual are meant; it is for Forget.
func (c *Client) Report(ctx context.Context, op Operation, doc []byte, confirm bool) ([]byte, error) {
	query := url.Values{}
	if confirm {
		query.Set("confirm", "true")
	}
	var answer []byte
	err := c.do(ctx, http.MethodPost, query, doc, "application/json", func(body io.Reader) error {
		var err error
		answer, err = readJSON(body)
		return err
	}, string(op))
	return answer, err
}

// Export sends a request for an export, writes the archive to w, and returns how long it is. With an error what was written is not whole.
func (c *Client) Export(ctx context.Context, doc []byte, w io.Writer) (int64, error) {
	var n int64
	var failed error
	err := c.do(ctx, http.MethodPost, nil, doc, "application/zip", func(body io.Reader) error {
		to := &failing{w: w}
		var err error
		if n, err = io.Copy(to, io.LimitReader(body, maxArchive+1)); to.err != nil {
			failed = to.err
		} else if err == nil && n > maxArchive {
			err = errTooLong
		}
		return err
	}, string(Export))
	if failed != nil {
		return n, failed
	}
	return n, err
}

// failing keeps the error of a writer apart from that of the connection.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	f.err = err
	return n, err
}

// Status returns what is recorded of a case. The contact center may be empty with credentials of a user.
func (c *Client) Status(ctx context.Context, contactCenter, caseID string) (gdpr.Case, error) {
	var one gdpr.Case
	// A dot alone would be a step of the path.
	err := c.get(ctx, of(contactCenter), &one, "cases", strings.ReplaceAll(url.PathEscape(caseID), ".", "%2E"))
	return one, err
}

// Cases returns the newest cases.
func (c *Client) Cases(ctx context.Context, contactCenter string) (*Cases, error) {
	var list Cases
	err := c.get(ctx, of(contactCenter), &list, "cases")
	return &list, err
}

// Receipts returns the receipts after one of a number, 0 for the first ones.
func (c *Client) Receipts(ctx context.Context, contactCenter string, after int) (*Receipts, error) {
	query := of(contactCenter)
	query.Set("after", strconv.Itoa(after))
	var list Receipts
	err := c.get(ctx, query, &list, "receipts")
	return &list, err
}

func of(contactCenter string) url.Values {
	query := url.Values{}
	if contactCenter != "" {
		query.Set("ccid", contactCenter)
	}
	return query
}

func (c *Client) get(ctx context.Context, query url.Values, answer any, path ...string) error {
	return c.do(ctx, http.MethodGet, query, nil, "application/json", func(body io.Reader) error {
		doc, err := readJSON(body)
		if err == nil && json.Unmarshal(doc, answer) != nil {
			err = errNotJSON
		}
		return err
	}, path...)
}

var (
	errNotJSON = errors.New("not JSON")
	errTooLong = errors.New("too long")
)

func readJSON(body io.Reader) ([]byte, error) {
	doc, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
	case len(doc) > maxAnswer:
		err = errTooLong
	case !json.Valid(doc):
		err = errNotJSON
	}
	return doc, err
}

// do sends a request and hands the body of an answer to read, which must be of the type that was asked for: a page of somebody else, with status 200, is no success.
func (c *Client) do(ctx context.Context, method string, query url.Values, doc []byte, accept string, read func(io.Reader) error, path ...string) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	u := c.base.JoinPath(Base, strings.Join(path, "/"))
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(within, method, u.String(), bytes.NewReader(doc))
	if err != nil {
		return unreachable(ctx)
	}
	if doc != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", accept+", "+problem.ContentType)
	req.Header.Set("Authorization", c.credentials.Header())
	stalled := time.AfterFunc(stallAfter, cancel)
	defer stalled.Stop()
	resp, err := c.http.Do(req)
	if err != nil {
		return unreachable(ctx)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problem.Read(resp)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != accept {
		return strange("it is of another type")
	}
	err = read(&lively{resp.Body, stalled})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotJSON), errors.Is(err, errTooLong):
		return strange(err.Error())
	}
	return unreachable(ctx)
}

// lively puts the end of patience off whenever something comes.
type lively struct {
	r       io.Reader
	stalled *time.Timer
}

func (l *lively) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if n > 0 {
		l.stalled.Reset(stallAfter)
	}
	return n, err
}

// unreachable keeps nothing of the error but whether the caller gave up: its text has the URL in it.
func unreachable(ctx context.Context) error {
	return problem.New(http.StatusServiceUnavailable, Unreachable, "The service cannot be reached, or its answer was cut off", "").Because(context.Cause(ctx))
}

func strange(detail string) error {
	return problem.New(0, problem.NotVoicemail, "What answers is not the voicemail service", detail+"; is the URL right?")
}
