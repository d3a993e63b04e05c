package voicemail_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
)

type modelPart struct {
	voicemail.Part
	content string
}

// modelParts prints parts without what only the library knows of them.
func modelParts(parts []modelPart) string {
	var s []string
	for _, p := range parts {
		s = append(s, fmt.Sprintf("%s-%d %s %d %v %q", p.Kind, p.Revision, p.ContentType, p.Size, p.Added, p.content))
	}
	return strings.Join(s, ", ")
}

func (m *model) readParts(t *rapid.T, msg voicemail.Message) []modelPart {
	list, err := msg.Parts(m.ctx)
	require.NoError(t, err)
	var parts []modelPart
	for _, p := range list {
		r, err := msg.OpenPart(m.ctx, p)
		require.NoError(t, err)
		parts = append(parts, modelPart{p, string(readAndClose(t, r))})
	}
	return parts
}

// addPart adds a part that is new, or the one that is there.
func (m *model) addPart(t *rapid.T) {
	msg, is := m.message(t)
	kind := rapid.SampledFrom([]voicemail.PartKind{voicemail.PartNote, voicemail.PartTranscript, voicemail.PartComment}).Draw(t, "kind")
	part := voicemail.Part{Kind: kind, ContentType: "text/plain; charset=utf-8"}
	if kind == voicemail.PartTranscript {
		part.ContentType = rapid.SampledFrom([]string{part.ContentType, "application/json"}).Draw(t, "type")
	}
	content := rapid.SampledFrom([]string{"1", "22", "333"}).Draw(t, "content")
	got, err := msg.AddPart(m.ctx, kind, strings.NewReader(content), &voicemail.PartOptions{ContentType: part.ContentType})
	require.NoError(t, err)
	want := is.addPart(part, content, m.now)
	require.Equal(t, modelParts([]modelPart{want}), modelParts([]modelPart{{got, content}}))
}

func (msg *modelMessage) addPart(part voicemail.Part, content string, at time.Time) modelPart {
	if last := msg.lastPart(part.Kind); last.ContentType == part.ContentType && last.content == content {
		return last
	}
	return msg.newPart(part, content, at)
}

// lastPart is the current part of a kind; the zero one if there is none.
func (msg *modelMessage) lastPart(kind voicemail.PartKind) modelPart {
	var last modelPart
	for _, p := range msg.parts {
		if p.Kind == kind {
			last = p
		}
	}
	return last
}

func (msg *modelMessage) newPart(part voicemail.Part, content string, at time.Time) modelPart {
	part.Revision, part.Size, part.Added = msg.lastPart(part.Kind).Revision+1, int64(len(content)), at
	added := modelPart{part, content}
	msg.parts = append(msg.parts, added)
	slices.SortFunc(msg.parts, func(a, b modelPart) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Revision, b.Revision))
	})
	return added
}
