package voicemail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
)

var modelKinds = []voicemail.GreetingKind{voicemail.GreetingUnavailable, voicemail.GreetingBusy, voicemail.GreetingTemporary, voicemail.GreetingName}

type modelGreeting struct {
	voicemail.Greeting
	audio []byte
}

// current are the greetings that are set.
func (b *modelBox) current() []voicemail.Greeting {
	var set []voicemail.Greeting
	for _, kind := range modelKinds {
		if revs := b.greetings[kind]; len(revs) > 0 && !revs[0].Deleted {
			set = append(set, revs[0].Greeting)
		}
	}
	return set
}

// revise makes a revision of a kind the current one.
func (m *model) revise(b *modelBox, g modelGreeting) voicemail.Greeting {
	b.revised[g.Kind]++
	g.Revision, g.SetAt = b.revised[g.Kind], m.now
	b.greetings[g.Kind] = slices.Insert(b.greetings[g.Kind], 0, g)
	return g.Greeting
}

// pruneGreetings forgets revisions beyond those that are kept a day after they were superseded.
func (b *modelBox) pruneGreetings(now time.Time) {
	for kind, revs := range b.greetings {
		kept := 0
		for i := range revs {
			if i < modelRevisions || now.Sub(revs[i-1].SetAt) <= 24*time.Hour {
				revs[kept] = revs[i]
				kept++
			}
		}
		b.greetings[kind] = revs[:kept]
	}
}

func (m *model) greetingOptions(t *rapid.T, kind voicemail.GreetingKind) *voicemail.GreetingOptions {
	if kind != voicemail.GreetingTemporary || rapid.Bool().Draw(t, "never expires") {
		return nil
	}
	return &voicemail.GreetingOptions{Expires: m.now.Add(m.someTime(t))}
}

// greeted compares what an operation on greetings returned, and what is played then.
func (m *model) greeted(t *rapid.T, id voicemail.MailboxID, want, got voicemail.Greeting) {
	require.Equal(t, want, got)
	m.greet(t, id)
}

func (m *model) setGreeting(t *rapid.T) {
	id, box := m.box(t)
	kind := rapid.SampledFrom(modelKinds).Draw(t, "kind")
	opts := m.greetingOptions(t, kind)
	audio := rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "audio")
	got, err := m.svc.Greetings(id).Set(m.ctx, kind, bytes.NewReader(audio), opts)
	if box == nil {
		require.ErrorIs(t, err, voicemail.ErrNoMailbox)
		return
	}
	require.NoError(t, err)
	sum := sha256.Sum256(audio)
	g := voicemail.Greeting{Kind: kind, ContentType: got.ContentType, Size: int64(len(audio)), SHA256: hex.EncodeToString(sum[:])}
	if opts != nil {
		g.Expires = opts.Expires
	}
	m.greeted(t, id, m.revise(box, modelGreeting{g, audio}), got)
}

func (m *model) deleteGreeting(t *rapid.T) {
	id, box := m.box(t)
	kind := rapid.SampledFrom(modelKinds).Draw(t, "kind")
	err := m.svc.Greetings(id).Delete(m.ctx, kind)
	switch {
	case box == nil:
		require.ErrorIs(t, err, voicemail.ErrNoMailbox)
		return
	case len(box.greetings[kind]) == 0 || box.greetings[kind][0].Deleted:
		require.ErrorIs(t, err, voicemail.ErrNoGreeting)
		return
	}
	require.NoError(t, err)
	m.revise(box, modelGreeting{Greeting: voicemail.Greeting{Kind: kind, Deleted: true}})
	m.greet(t, id)
}

// restoreGreeting makes an earlier revision the current one, one that is kept or not.
func (m *model) restoreGreeting(t *rapid.T) {
	id, box := m.box(t)
	kind := rapid.SampledFrom(modelKinds).Draw(t, "kind")
	if box == nil || box.revised[kind] == 0 {
		t.Skip("it was never set")
	}
	earlier := voicemail.Greeting{Kind: kind, Revision: rapid.IntRange(1, box.revised[kind]).Draw(t, "revision")}
	opts := m.greetingOptions(t, kind)
	got, err := m.svc.Greetings(id).Restore(m.ctx, earlier, opts)
	i := slices.IndexFunc(box.greetings[kind], func(g modelGreeting) bool { return g.Revision == earlier.Revision && !g.Deleted })
	if i < 0 {
		require.ErrorIs(t, err, voicemail.ErrNoGreeting)
		return
	}
	require.NoError(t, err)
	g := box.greetings[kind][i]
	if g.Expires = (time.Time{}); opts != nil {
		g.Expires = opts.Expires
	}
	m.greeted(t, id, m.revise(box, g), got)
}

// greet plays what a mailbox says, and compares its history.
func (m *model) greet(t *rapid.T, id voicemail.MailboxID) {
	greetings, box := m.svc.Greetings(id), m.boxes[id]
	for _, kind := range modelKinds {
		history, err := greetings.History(m.ctx, kind)
		require.NoError(t, err)
		var want []voicemail.Greeting
		for _, g := range box.greetings[kind] {
			want = append(want, g.Greeting)
		}
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(history))
	}
	for _, situation := range modelKinds[:2] {
		want := m.greeting(box, situation)
		got, err := greetings.For(m.ctx, situation)
		if want == nil {
			require.ErrorIs(t, err, voicemail.ErrNoGreeting)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want.Greeting, got)
		r, err := greetings.Open(m.ctx, got)
		require.NoError(t, err)
		require.Equal(t, want.audio, readAndClose(t, r))
	}
}

// greeting is what is played in a situation.
func (m *model) greeting(b *modelBox, situation voicemail.GreetingKind) *modelGreeting {
	for _, kind := range []voicemail.GreetingKind{voicemail.GreetingTemporary, situation, voicemail.GreetingUnavailable, voicemail.GreetingName} {
		if revs := b.greetings[kind]; len(revs) > 0 && !revs[0].Deleted && (revs[0].Expires.IsZero() || m.now.Before(revs[0].Expires)) {
			return &revs[0]
		}
	}
	return nil
}
