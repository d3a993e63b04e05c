package blobstore

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
	"github.com/stretchr/testify/require"
)

const (
	fakeHost      = "fakeaccount.blob.core.windows.net"
	fakeContainer = "fakecontainer"
)

// fakeAccount is a fake of a storage account at the transport, for what Azurite has not: versions, soft delete, permanent deletion, legal holds and a hierarchical namespace. It
// follows what the REST reference says. Where it overlaps with Azurite the conformance suite runs against both.
type fakeAccount struct {
	versioning     bool
	softDeleteDays int
	permanent      bool // AllowPermanentDelete
	hierarchical   bool

	mu      sync.Mutex
	blobs   []*fakeBlob // in the order of listings
	folders map[string]bool
	held    map[string]bool // names under a legal hold
	clock   int
	// intercept, if set, answers a request instead; nil, nil passes it on.
	intercept func(*http.Request) (*http.Response, error)
	// beforeDelete, if set, answers the deletion of a name instead, also in a batch; nil passes it on.
	beforeDelete func(req *http.Request, name string) *http.Response
}

type fakeBlob struct {
	name, version, snapshot string
	current, deleted        bool // deleted: soft delete keeps it
	body                    []byte
	header                  http.Header
	tags                    url.Values
	etag                    string
	modified                time.Time
}

func (a *fakeAccount) options() *container.ClientOptions {
	return &container.ClientOptions{ClientOptions: policy.ClientOptions{Transport: a}}
}

func (a *fakeAccount) container(t testing.TB) *container.Client {
	t.Helper()
	c, err := container.NewClientWithNoCredential("https://"+fakeHost+"/"+fakeContainer, a.options())
	require.NoError(t, err)
	return c
}

func (a *fakeAccount) service(t testing.TB) *service.Client {
	t.Helper()
	c, err := service.NewClientWithNoCredential("https://"+fakeHost+"/", (*service.ClientOptions)(a.options()))
	require.NoError(t, err)
	return c
}

// all returns every blob that is kept in any way, as name, state.
func (a *fakeAccount) all(name string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var kept []string
	for _, b := range a.blobs {
		if b.name == name {
			kept = append(kept, fmt.Sprintf("version=%t snapshot=%t current=%t deleted=%t", b.version != "", b.snapshot != "", b.current, b.deleted))
		}
	}
	return kept
}

// snapshot makes a snapshot of a blob.
func (a *fakeAccount) snapshot(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := *a.current(name)
	s.current, s.snapshot, s.version = false, a.stamp(), ""
	a.insert(&s)
}

// stamp returns the next time stamp, as versions and snapshots have it.
func (a *fakeAccount) stamp() string {
	a.clock++
	return fmt.Sprintf("2026-01-01T00:00:00.%07dZ", a.clock)
}

func (a *fakeAccount) current(name string) *fakeBlob {
	for _, b := range a.blobs {
		if b.name == name && b.current && !b.deleted {
			return b
		}
	}
	return nil
}

func (a *fakeAccount) insert(b *fakeBlob) {
	a.blobs = append(a.blobs, b)
	slices.SortStableFunc(a.blobs, func(x, y *fakeBlob) int {
		return cmp.Or(strings.Compare(x.name, y.name), strings.Compare(x.snapshot+x.version, y.snapshot+y.version))
	})
}

func (a *fakeAccount) forget(b *fakeBlob) {
	a.blobs = slices.DeleteFunc(a.blobs, func(o *fakeBlob) bool { return o == b })
}

// Do implements policy.Transporter.
func (a *fakeAccount) Do(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if a.intercept != nil {
		if resp, err := a.intercept(req); resp != nil || err != nil {
			return resp, err
		}
	}
	var body []byte
	if req.Body != nil {
		body = make([]byte, req.ContentLength)
		if _, err := io.ReadFull(req.Body, body); err != nil {
			return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, err) // cut off: nothing happens
		}
	}
	sent := req.Clone(req.Context())
	sent.Header = http.Header{}
	for k, v := range req.Header { // as the wire does; the SDK writes them any way
		sent.Header[http.CanonicalHeaderKey(k)] = v
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.serve(sent, body), nil
}

func (a *fakeAccount) serve(req *http.Request, body []byte) *http.Response {
	q := req.URL.Query()
	_, name, isBlob := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	switch what := req.Method + " " + q.Get("restype") + " " + q.Get("comp"); {
	case isBlob && name != "" && req.Method == http.MethodPut:
		return a.put(req, name, body)
	case isBlob && name != "" && req.Method == http.MethodDelete:
		return a.delete(req, name)
	case isBlob && name != "":
		return a.get(req, name)
	case what == "GET container list":
		return a.list(req, q)
	case what == "POST container batch":
		return a.batch(req, body)
	case what == "GET container blobs":
		return a.filter(req, q)
	case what == "GET account properties":
		return answer(req, 200, http.Header{"X-Ms-Is-Hns-Enabled": {strconv.FormatBool(a.hierarchical)}}, nil)
	case what == "GET container ":
		return answer(req, 200, http.Header{"X-Ms-Has-Legal-Hold": {strconv.FormatBool(len(a.held) > 0)}}, nil)
	case what == "GET service properties":
		return answerXML(req, fmt.Sprintf("<StorageServiceProperties><DeleteRetentionPolicy><Enabled>%t</Enabled><Days>%d</Days><AllowPermanentDelete>%t</AllowPermanentDelete></DeleteRetentionPolicy></StorageServiceProperties>",
			a.softDeleteDays > 0, a.softDeleteDays, a.permanent))
	case what == "POST service userdelegationkey":
		var info struct{ Start, Expiry string }
		_ = xml.Unmarshal(body, &info)
		return answerXML(req, fmt.Sprintf("<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>%s</SignedStart><SignedExpiry>%s</SignedExpiry><SignedService>b</SignedService><SignedVersion>2020-02-10</SignedVersion><Value>a2V5</Value></UserDelegationKey>",
			info.Start, info.Expiry))
	}
	return refuse(req, 400, "InvalidUri")
}

func answer(req *http.Request, status int, header http.Header, body []byte) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Ms-Request-Id", "0f0f0f0f-0000")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: header, Request: req,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func answerXML(req *http.Request, body string) *http.Response {
	return answer(req, 200, http.Header{"Content-Type": {"application/xml"}}, []byte(`<?xml version="1.0" encoding="utf-8"?>`+body))
}

// refuse answers as the service does, which repeats in the body what it was asked.
func refuse(req *http.Request, status int, code string) *http.Response {
	body := fmt.Sprintf("<Error><Code>%s</Code><Message>%s %s</Message></Error>", code, req.Method, req.URL)
	return answer(req, status, http.Header{"X-Ms-Error-Code": {code}, "Content-Type": {"application/xml"}}, []byte(body))
}

func (a *fakeAccount) put(req *http.Request, name string, body []byte) *http.Response {
	switch {
	case req.Header.Get("If-None-Match") == "*" && (a.current(name) != nil || a.folders[name]):
		return refuse(req, 409, "BlobAlreadyExists")
	case a.hierarchical && req.Header.Get("X-Ms-Tags") != "":
		return refuse(req, 409, codeNotForHNS)
	}
	tags, err := url.ParseQuery(req.Header.Get("X-Ms-Tags"))
	if err != nil {
		return refuse(req, 400, "InvalidTag")
	}
	b := &fakeBlob{name: name, current: true, body: body, tags: tags, etag: `"` + rand.Text() + `"`, modified: time.Now().UTC().Truncate(time.Second), header: http.Header{}}
	for k, v := range req.Header {
		if strings.HasPrefix(k, "X-Ms-Meta-") {
			b.header[k] = v
		}
	}
	b.header.Set("Content-Type", req.Header.Get("X-Ms-Blob-Content-Type"))
	if a.versioning {
		b.version = a.stamp()
	}
	a.insert(b)
	if a.hierarchical {
		for i := range name {
			if name[i] == '/' {
				a.addFolder(name[:i])
			}
		}
	}
	return answer(req, 201, a.headers(b), nil)
}

func (a *fakeAccount) addFolder(name string) {
	if a.folders == nil {
		a.folders = make(map[string]bool)
	}
	a.folders[name] = true
}

func (a *fakeAccount) headers(b *fakeBlob) http.Header {
	h := b.header.Clone()
	h.Set("Etag", b.etag)
	h.Set("Last-Modified", b.modified.Format(http.TimeFormat))
	if b.version != "" {
		h.Set("X-Ms-Version-Id", b.version)
	}
	return h
}

func (a *fakeAccount) get(req *http.Request, name string) *http.Response {
	b := a.current(name)
	if b == nil && a.folders[name] {
		return answer(req, 200, http.Header{"Etag": {`"f"`}, "Content-Length": {"0"}, "X-Ms-Meta-Hdi_isfolder": {"true"}}, nil)
	}
	if b == nil {
		return refuse(req, 404, "BlobNotFound")
	}
	if m := req.Header.Get("If-Match"); m != "" && m != b.etag {
		return refuse(req, 412, "ConditionNotMet")
	}
	h, body, status := a.headers(b), b.body, 200
	if r := cmp.Or(req.Header.Get("X-Ms-Range"), req.Header.Get("Range")); r != "" {
		from, to, _ := strings.Cut(strings.TrimPrefix(r, "bytes="), "-")
		first, _ := strconv.ParseInt(from, 10, 64)
		last, err := strconv.ParseInt(to, 10, 64)
		if first >= int64(len(body)) {
			return refuse(req, 416, "InvalidRange")
		}
		if err != nil || last >= int64(len(body)) {
			last = int64(len(body)) - 1
		}
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(body)))
		body, status = body[first:last+1], 206
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if req.Method == http.MethodHead {
		body = nil
	}
	return answer(req, status, h, body)
}

func (a *fakeAccount) delete(req *http.Request, name string) *http.Response {
	if a.beforeDelete != nil {
		if resp := a.beforeDelete(req, name); resp != nil {
			return resp
		}
	}
	q := req.URL.Query()
	permanently := strings.EqualFold(q.Get("deletetype"), "permanent")
	if v, s := q.Get("versionid"), q.Get("snapshot"); v != "" || s != "" {
		i := slices.IndexFunc(a.blobs, func(b *fakeBlob) bool { return b.name == name && b.version == v && b.snapshot == s })
		switch {
		case i < 0 || a.blobs[i].deleted && !permanently:
			return refuse(req, 404, "BlobNotFound")
		case a.blobs[i].current:
			return refuse(req, 403, "OperationNotAllowedOnRootBlob")
		case a.held[name]:
			return refuse(req, 409, "BlobImmutableDueToPolicy")
		case permanently && (!a.permanent || !a.blobs[i].deleted):
			return refuse(req, 409, "InvalidOperation")
		case permanently:
			a.forget(a.blobs[i])
		default:
			a.drop(a.blobs[i])
		}
		return answer(req, 202, nil, nil)
	}
	b := a.current(name)
	switch {
	case b == nil && a.folders[name]:
		return refuse(req, 409, codeFolderNotEmpty)
	case b == nil:
		return refuse(req, 404, "BlobNotFound")
	case a.held[name] && !a.versioning:
		return refuse(req, 409, "BlobImmutableDueToPolicy")
	}
	snapshots := slices.DeleteFunc(slices.Clone(a.blobs), func(o *fakeBlob) bool { return o.name != name || o.snapshot == "" || o.deleted })
	if len(snapshots) > 0 && req.Header.Get("X-Ms-Delete-Snapshots") != "include" {
		return refuse(req, 409, "SnapshotsPresent")
	}
	for _, s := range snapshots {
		a.drop(s)
	}
	if a.versioning {
		b.current = false
		if b.version == "" { // it is older than the versioning
			b.version = a.stamp()
		}
	} else {
		a.drop(b)
	}
	return answer(req, 202, nil, nil)
}

// drop deletes a blob, which soft delete may keep.
func (a *fakeAccount) drop(b *fakeBlob) {
	if a.softDeleteDays > 0 {
		b.deleted = true
		return
	}
	a.forget(b)
}

// batch does what the parts of a batch ask for.
func (a *fakeAccount) batch(req *http.Request, body []byte) *http.Response {
	_, params, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		return refuse(req, 400, "InvalidInput")
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse(req, 400, "InvalidInput")
		}
		sub, err := http.ReadRequest(bufio.NewReader(part))
		if err != nil {
			return refuse(req, 400, "InvalidInput")
		}
		_, name, _ := strings.Cut(strings.TrimPrefix(sub.URL.Path, "/"), "/")
		resp := a.delete(sub, name)
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/http"}, "Content-Id": {part.Header.Get("Content-ID")}})
		fmt.Fprintf(p, "HTTP/1.1 %d %s\r\n", resp.StatusCode, http.StatusText(resp.StatusCode))
		_ = resp.Header.Write(p)
		fmt.Fprint(p, "\r\n")
	}
	w.Close()
	return answer(req, 202, http.Header{"Content-Type": {w.FormDataContentType()}}, out.Bytes())
}

// list answers List Blobs. Its markers are opaque.
func (a *fakeAccount) list(req *http.Request, q url.Values) *http.Response {
	size, err := strconv.Atoi(q.Get("maxresults"))
	marker, markerErr := base64.StdEncoding.DecodeString(q.Get("marker"))
	if err != nil || markerErr != nil || size < 1 {
		return refuse(req, 400, "OutOfRangeQueryParameterValue")
	}
	entries := a.entries(strings.Split(q.Get("include"), ","), q.Get("prefix"), q.Get("delimiter"))
	entries = slices.DeleteFunc(entries, func(e fakeEntry) bool { return e.position <= string(marker) })
	next := ""
	if len(entries) > size {
		entries = entries[:size]
		next = base64.StdEncoding.EncodeToString([]byte(entries[size-1].position))
	}
	var out strings.Builder
	for _, e := range entries {
		out.WriteString(e.xml)
	}
	return answerXML(req, "<EnumerationResults><Blobs>"+out.String()+"</Blobs><NextMarker>"+next+"</NextMarker></EnumerationResults>")
}

// fakeEntry is an entry of a listing.
type fakeEntry struct{ position, xml string }

func (a *fakeAccount) entries(include []string, prefix, delimiter string) []fakeEntry {
	has := func(what string) bool { return slices.Contains(include, what) }
	var all []fakeEntry
	add := func(name, order, xml string) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			return
		}
		if i := strings.Index(rest, "/"); delimiter != "" && i >= 0 {
			folder := prefix + rest[:i+1]
			all = append(all, fakeEntry{folder, "<BlobPrefix><Name>" + folder + "</Name></BlobPrefix>"})
			return
		}
		all = append(all, fakeEntry{name + "\x00" + order, xml})
	}
	for _, b := range a.blobs {
		visible := b.current || b.snapshot != "" && has("snapshots") || b.snapshot == "" && b.version != "" && has("versions")
		if visible && (!b.deleted || has("deleted")) && strings.HasPrefix(b.name, prefix) {
			add(b.name, b.snapshot+b.version, b.xml(has("metadata"), has("versions")))
		}
	}
	for name := range a.folders {
		add(name, "", "<Blob><Name>"+name+"</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>")
		if delimiter != "" {
			add(name+"/", "", "")
		}
	}
	slices.SortFunc(all, func(x, y fakeEntry) int { return strings.Compare(x.position, y.position) })
	return slices.Compact(all)
}

func (b *fakeBlob) xml(metadata, versions bool) string {
	s := "<Blob><Name>" + b.name + "</Name>"
	if b.deleted {
		s += "<Deleted>true</Deleted>"
	}
	if b.snapshot != "" {
		s += "<Snapshot>" + b.snapshot + "</Snapshot>"
	}
	if b.version != "" && versions {
		s += "<VersionId>" + b.version + "</VersionId>"
		if b.current {
			s += "<IsCurrentVersion>true</IsCurrentVersion>"
		}
	}
	s += fmt.Sprintf("<Properties><Last-Modified>%s</Last-Modified><Content-Length>%d</Content-Length></Properties>", b.modified.Format(http.TimeFormat), len(b.body))
	if metadata {
		s += "<Metadata><Writer>x</Writer></Metadata>"
	}
	return s + "</Blob>"
}

// filter answers Find Blobs by Tags in a container: two hits a page, the first page empty, and the last marker an empty one.
func (a *fakeAccount) filter(req *http.Request, q url.Values) *http.Response {
	if a.hierarchical {
		return refuse(req, 409, codeNotForHNS)
	}
	name, value, _ := strings.Cut(q.Get("where"), "=")
	name, value = strings.Trim(name, `"`), strings.Trim(value, "'")
	from, err := strconv.Atoi(cmp.Or(q.Get("marker"), "-1"))
	if err != nil {
		return refuse(req, 400, "OutOfRangeQueryParameterValue")
	}
	var hits []string
	for _, b := range a.blobs {
		if (b.current || b.deleted) && b.tags.Get(name) == value { // the index lags behind
			hits = append(hits, "<Blob><Name>"+b.name+"</Name><ContainerName>"+fakeContainer+"</ContainerName></Blob>")
		}
	}
	next, out := "0", ""
	if from >= 0 {
		end := min(from+2, len(hits))
		out = strings.Join(hits[from:end], "")
		if next = strconv.Itoa(end); end == len(hits) {
			next = ""
		}
	}
	return answerXML(req, "<EnumerationResults><Blobs>"+out+"</Blobs><NextMarker>"+next+"</NextMarker></EnumerationResults>")
}
