package gdprtest

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage/faultstore"
)

func partRules() []rule {
	return []rule{
		{"AnExportHasThePartsOfAMessage", "what was written about the caller is the caller's to see, too", partsExported},
		{"PartsAreErasedInEveryRegion", "a transcript says what the recording said", partsErased},
		{"ATranscriptThatComesLateLeavesNothing", "a transcription takes minutes, and the caller is forgotten in one of them", partsLate},
	}
}

const (
	said  = "call me back about the divorce, please"
	noted = "Zoe called about a divorce"
)

// annotate adds parts to a message, which no agent can tell from the caller.
func (e *env) annotate(m voicemail.Message) {
	e.Helper()
	for kind, text := range map[voicemail.PartKind]string{voicemail.PartTranscript: said, voicemail.PartNote: noted} {
		_, err := m.AddPart(e.ctx, kind, strings.NewReader(text), nil)
		require.NoError(e, err)
	}
}

// wordless demands that nothing is left of what annotate wrote.
func (e *env) wordless() {
	e.Helper()
	e.clean(rawscan.Scan{Secrets: []rawscan.Secret{{Name: "the transcript", Bytes: []byte(said)}, {Name: "the note", Bytes: []byte(noted)}}})
}

func partsExported(e *env) {
	s := e.scene()
	m := s.left[0]
	e.annotate(m)
	rendition := wav(100)
	_, err := e.message(e.svc(), m).AddPart(e.ctx, voicemail.PartRendition, bytes.NewReader(rendition), nil)
	require.NoError(e, err)
	want := map[string]string{".note-001.txt": noted, ".transcript-001.txt": said, ".rendition-001.wav": string(rendition)}
	for _, restricted := range []bool{false, true} {
		c := e.controller()
		if restricted {
			e.forget(c, request("c1", s.number))
		}
		r, got := e.export(c, request("c1", s.number))
		require.Equal(e, []int{len(s.left), 3, 0}, []int{r.Files, r.Parts, len(r.Problems)})
		for ext, content := range want {
			name := string(m.ID()) + ext
			require.Equal(e, content, string(got[name]), name)
			require.Contains(e, string(got["messages.csv"]), name)
			require.Contains(e, string(got["index.html"]), name)
			require.NotContains(e, string(got["output.json"]), name, "output.json lists recordings, as it was published")
			delete(got, name)
		}
		e.whole(s.caller, got)
	}
}

func partsErased(e *env) {
	s := e.scene()
	for _, r := range s.left {
		e.annotate(r)
	}
	copied, err := e.message(e.svc(), s.left[0]).CopyTo(e.ctx, group, nil)
	require.NoError(e, err)
	list, err := copied.Parts(e.ctx)
	require.NoError(e, err)
	require.Len(e, list, 2)
	s.left = append(s.left, recorded{copied, s.left[0].audio})
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.erase(c)
	e.erased(s, "c1")
	e.wordless()
}

func partsLate(e *env) {
	add := func(m voicemail.Message) error {
		_, err := m.AddPart(e.ctx, voicemail.PartTranscript, strings.NewReader(said), nil)
		return err
	}
	for how, late := range map[string]struct {
		during, between, after func(c *gdpr.Controller, m voicemail.Message)
	}{
		"while it is restricted": {during: func(_ *gdpr.Controller, m voicemail.Message) { require.NoError(e, add(m), "nothing restricts it yet") }},
		"when it is restricted": {between: func(_ *gdpr.Controller, m voicemail.Message) {
			before := e.listing()
			require.ErrorIs(e, add(m), voicemail.ErrNotFound)
			e.unchanged(before, "what nobody may see gets no transcript")
		}},
		"when it is erased": {after: func(_ *gdpr.Controller, m voicemail.Message) {
			before := e.listing()
			require.ErrorIs(e, add(m), voicemail.ErrNotFound)
			e.unchanged(before, "what is erased gets no transcript")
		}},
		"and its process died": {after: func(c *gdpr.Controller, m voicemail.Message) {
			box, err := e.space.Box(string(m.Mailbox()))
			require.NoError(e, err)
			e.plant(m.Envelope().Region, box.Part(keys.Ref{ID: string(m.ID())}, keys.Part{Kind: "transcript", Revision: 1, Ext: "txt"}), said, nil)
			e.pass(gdpr.Settle)
			_, err = c.Sweep(e.ctx)
			require.ErrorContains(e, err, "something is left", "the last look finds it, and there is no receipt yet")
			e.wordless()
		}},
	} {
		who := e.one()
		m, c, id := who.left[0], e.controller(), fmt.Sprintf("case %s", how)
		master := e.stores[e.place.Master]
		if late.during != nil {
			master.Set(faultstore.Fault{Op: faultstore.Create, Pattern: filepath.Join(e.space.Boxes(), "*", "*."+keys.Forget+"*"), Mode: faultstore.Pass,
				Wait: func(context.Context, faultstore.Call) error { late.during(c, m); return nil }})
		}
		e.forget(c, request(id, who.number))
		if late.during != nil {
			require.Equal(e, 1, master.Disturbed(), how)
			master.Set()
		}
		if late.between != nil {
			late.between(c, m)
		}
		e.pass(window)
		require.Equal(e, []string{id}, e.sweep(c).Erased, how)
		if late.after != nil {
			late.after(c, m)
		}
		e.pass(gdpr.Settle)
		require.Len(e, e.sweep(c).Closed, 1, how)
		e.wordless()
		e.clean(who.trace(id))
	}
}
