package gdprtest

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
)

func exportRules() []rule {
	return []rule{
		{"AnExportHoldsEverythingThatIsStoredOfTheCaller", "the caller has a right to all of it (GDPR, Article 15)", exportAll},
		{"AnExportHasRestrictedMessages", "who asked to be forgotten may still ask what was stored", exportRestricted},
		{"AnExportIntoAnArchiveIsTheSame", "an officer sends one file", exportZip},
		{"ABrokenMessageIsReportedBesideTheOthers", "a message that is silently missing looks as if it was never there", exportBroken},
		{"AnExportChangesNothing", "to look is not to act", exportReads},
		{"OutputJSONIsThePublishedOne", "scripts that read the documented product's file read this one", exportOutput},
		{"AnExportThatFailsHasNoOutputJSON", "half an export must not be handed over as the whole", exportFails},
		{"AnErasedCallerExportsNothing", "what was erased cannot be handed out", exportErased},
	}
}

// dir returns an export into a directory of the rule's own.
func (e *env) dir() (gdpr.Sink, string) {
	e.Helper()
	dir := filepath.Join(e.TempDir(), "export")
	sink, err := gdpr.DirSink(dir)
	require.NoError(e, err)
	return sink, dir
}

// files are the names in a directory.
func files(e *env, dir string) []string {
	e.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(e, err)
	var names []string
	for _, f := range entries {
		names = append(names, f.Name())
	}
	return names
}

func contents(e *env, dir string) map[string][]byte {
	e.Helper()
	all := map[string][]byte{}
	for _, name := range files(e, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(e, err)
		all[name] = b
	}
	return all
}

func (e *env) export(c *gdpr.Controller, req *gdpr.Request) (*gdpr.ExportReport, map[string][]byte) {
	e.Helper()
	sink, dir := e.dir()
	r, err := c.ExportMe(e.ctx, req, sink)
	require.NoError(e, err, "export")
	require.NoError(e, sink.Close())
	return r, contents(e, dir)
}

// whole demands that an export is all of the caller's messages, and of nobody else's.
func (e *env) whole(c *caller, got map[string][]byte) {
	e.Helper()
	for _, r := range c.left {
		require.Equal(e, r.audio, got[string(r.ID())], "a recording under its message's ID")
	}
	require.Len(e, got, len(c.ids())+3)
	table, err := csv.NewReader(bytes.NewReader(got["messages.csv"])).ReadAll()
	require.NoError(e, err)
	require.Len(e, table, 1+len(c.left))
	page := string(got["index.html"])
	require.Equal(e, len(c.left), strings.Count(page, "<audio"), "each has a player")
	require.NotRegexp(e, `(?i)(src|href)="?(https?:)?//`, page, "it opens without a network")
}

func exportAll(e *env) {
	s := e.scene()
	c := e.controller()
	e.hold(c, s.left[len(s.left)-1], "a lawsuit")
	r, got := e.export(c, request("x1", s.number))
	require.Equal(e, len(s.left), r.Messages)
	require.Equal(e, len(s.left), r.Files)
	require.Empty(e, r.Problems)
	e.whole(s.caller, got)
	require.Contains(e, string(got["messages.csv"]), s.name)
	require.NotContains(e, string(got["messages.csv"]), s.other.number)
	require.NotContains(e, string(got["index.html"]), s.other.number)
}

func exportRestricted(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window - hour)
	r, got := e.export(c, request("c1", s.number))
	require.Equal(e, len(s.left), r.Files)
	e.whole(s.caller, got)
	require.Equal(e, len(s.left), strings.Count(strings.ToLower(string(got["index.html"])), "restricted"), "it is said of each")
	e.hidden(s.caller)
	require.Equal(e, gdpr.StateRestricted, e.status(c, "c1").State)
}

func exportZip(e *env) {
	s := e.scene()
	c := e.controller()
	var archive bytes.Buffer
	sink := gdpr.ZipSink(&archive)
	_, err := c.ExportMe(e.ctx, request("x1", s.number), sink)
	require.NoError(e, err)
	require.NoError(e, sink.Close())
	r, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	require.NoError(e, err)
	got := map[string][]byte{}
	for _, f := range r.File {
		body, err := f.Open()
		require.NoError(e, err)
		b, err := io.ReadAll(body)
		require.NoError(e, err)
		got[f.Name] = b
	}
	e.whole(s.caller, got)
}

// audioOf is the region and the name of a recording.
func (e *env) audioOf(r recorded) (region, name string) {
	e.Helper()
	region = r.Envelope().Region
	for _, name := range e.names(region, e.space.Media()) {
		if strings.Contains(name, string(r.ID())) {
			return region, name
		}
	}
	require.Fail(e, "there is no recording")
	return "", ""
}

// metadataOf is the name of a message's metadata.
func (e *env) metadataOf(r recorded) string {
	e.Helper()
	for _, name := range e.names(e.place.Master, e.space.Boxes()) {
		if strings.Contains(name, string(r.ID())) && strings.HasSuffix(name, ".vm.json") {
			return name
		}
	}
	require.Fail(e, "there is no metadata")
	return ""
}

func exportBroken(e *env) {
	s := e.scene()
	for range 3 {
		e.leave(s.caller, e.place.Master, personal, nil)
	}
	n := len(s.left)
	missing, changed, unreadable := s.left[n-1], s.left[n-2], s.left[n-3]
	region, name := e.audioOf(missing)
	e.removeRaw(region, name)
	region, name = e.audioOf(changed)
	e.replace(region, name, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	e.replace(e.place.Master, e.metadataOf(unreadable), func([]byte) []byte { return []byte("{") })
	c := e.controllerOf(e.open(e.place.Master)) // which has read nothing yet
	r, got := e.export(c, request("x1", s.number))
	var problems []voicemail.MessageID
	for _, p := range r.Problems {
		problems = append(problems, p.Message)
		require.Error(e, p.Err)
		require.NotContains(e, p.Err.Error(), digits(s.number))
		require.Contains(e, string(got["messages.csv"]), string(p.Message))
		require.Contains(e, string(got["index.html"]), string(p.Message))
		require.NotContains(e, got, string(p.Message), "half a recording must not look like the whole")
	}
	require.ElementsMatch(e, []voicemail.MessageID{missing.ID(), changed.ID(), unreadable.ID()}, problems)
	require.Equal(e, n-3, r.Files)
	for _, ok := range s.left[:n-3] {
		require.Equal(e, ok.audio, got[string(ok.ID())])
	}
	require.Contains(e, got, "output.json")
}

func exportReads(e *env) {
	s := e.scene()
	c := e.controller()
	before := e.listing()
	e.events.reset()
	e.export(c, request("x1", s.number))
	e.unchanged(before, "something changed")
	require.Empty(e, e.events.list)
	_, err := c.Status(e.ctx, "x1")
	require.ErrorIs(e, err, gdpr.ErrNoCase, "an export is no case")
	e.seen(s.caller)
}

func exportOutput(e *env) {
	s := e.scene()
	empty := newCaller()
	typed := "00 " + digits(s.number)[:4] + " " + digits(s.number)[4:]
	r, got := e.export(e.controller(), request("123456789", typed, empty.number))
	var out struct {
		CaseID    string              `json:"caseid"`
		Consumers map[string][]string `json:"consumers"`
	}
	d := json.NewDecoder(bytes.NewReader(got["output.json"]))
	d.DisallowUnknownFields()
	require.NoError(e, d.Decode(&out))
	require.Equal(e, "123456789", out.CaseID)
	require.Len(e, out.Consumers, 2)
	require.Len(e, out.Consumers[typed], len(s.ids()), "under the number as it was given")
	for _, id := range s.ids() {
		require.Contains(e, out.Consumers[typed], string(id))
	}
	require.NotNil(e, out.Consumers[empty.number])
	require.Empty(e, out.Consumers[empty.number], "a number without messages is there, with an empty list")
	doc, err := json.Marshal(r)
	require.NoError(e, err)
	require.JSONEq(e, string(got["output.json"]), string(doc), "the report is the file")
}

// failing is a sink that has no room.
type failing struct{ room int }

var errFull = errors.New("no space left on device")

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func exportFails(e *env) {
	s := e.scene()
	c := e.controller()
	sink := gdpr.ZipSink(&failing{room: 10_000})
	_, err := c.ExportMe(e.ctx, request("x1", s.number), sink)
	require.ErrorIs(e, err, errFull)

	e.stores[e.place.Master].Set(denied(e.space.Callers()))
	into, dir := e.dir()
	_, err = c.ExportMe(e.ctx, request("x1", s.number), into)
	require.ErrorIs(e, err, storage.ErrPermission)
	e.up(e.place.Master)
	require.NoError(e, into.Close())
	require.False(e, slices.Contains(files(e, dir), "output.json"))
}

func exportErased(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.erase(c)
	r, got := e.export(c, request("c1", s.number))
	require.Zero(e, r.Messages)
	require.Zero(e, r.Files)
	require.Len(e, got, 3, "only the documents")
	e.erased(s, "c1")
}
