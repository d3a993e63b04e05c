package gdprtest

import (
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func quarantineRules() []rule {
	return []rule{
		{"WhatIsInQuarantineIsCoveredLikeAnyOther", "it is damaged, and is the caller's all the same", quarantineCovered},
		{"WhatWasIndexedAgainIsForgotten", "a message that no search found was never forgotten", quarantineReindexed},
	}
}

// repair demands that a Repair finds so many things of a kind and nothing else.
func (e *env) repair(kind voicemail.FindingKind, n int) {
	e.Helper()
	for f, err := range e.open(e.place.Master).Repair(e.ctx, nil) {
		require.NoError(e, err)
		require.Equal(e, kind, f.Kind)
		require.NotEmpty(e, f.Action)
		n--
	}
	require.Zero(e, n)
}

func quarantineCovered(e *env) {
	s := e.scene()
	m := s.left[0]
	box, err := e.space.Box(string(m.Mailbox()))
	require.NoError(e, err)
	e.replace(m.Envelope().Region, box.Audio(keys.Ref{ID: string(m.ID())}, "wav"), func(audio []byte) []byte { return audio[:len(audio)/2] })
	e.repair(voicemail.FoundAudioLength, 1)
	hidden := string(m.Mailbox()) + "/" + string(m.ID())
	require.NotContains(e, e.find(e.svc(), s.number), hidden)

	c := e.controller()
	r, files := e.export(c, request("c1", s.number))
	require.Len(e, r.Problems, 1, "the export says that it is not whole")
	require.Equal(e, m.ID(), r.Problems[0].Message)
	require.Contains(e, string(files["messages.csv"]), string(m.ID()))

	e.events.reset()
	require.Len(e, e.forget(c, request("c1", s.number)).Phones[0].Messages, len(s.left))
	e.repair("", 0)
	require.NotContains(e, e.events.of(voicemail.EventRestricted), hidden, "nobody could see it")
	e.undo(c, request("c1", s.number))
	require.NotContains(e, e.events.of(voicemail.EventUnrestricted), hidden, "nobody can")
	require.NotContains(e, e.find(e.svc(), s.number), hidden, "undo takes back what the request did, and nothing else")
	require.Len(e, e.find(e.svc(), s.number), len(s.left)-1)

	e.forget(c, request("c1", s.number))
	e.erase(c)
	e.erased(s, "c1")
	require.ErrorIs(e, e.svc().ReleaseFromQuarantine(e.ctx, m.Mailbox(), m.ID()), voicemail.ErrNotFound)
	e.repair("", 0)
}

func quarantineReindexed(e *env) {
	s := e.scene()
	e.removeRaw(e.place.Master, e.names(e.place.Master, e.space.Callers())...)
	e.repair(voicemail.FoundEntryMissing, len(s.left)+len(s.other.left))
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.repair("", 0)
	e.erase(c)
	e.erased(s, "c1")
	e.repair("", 0)
}
