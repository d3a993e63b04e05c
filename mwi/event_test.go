package mwi

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// declaredKinds are all event kinds of package voicemail.
func declaredKinds(t *testing.T) []voicemail.EventKind {
	file, err := goparser.ParseFile(token.NewFileSet(), "../event.go", nil, 0)
	require.NoError(t, err)
	var kinds []voicemail.EventKind
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "EventKind" {
			for _, value := range v.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				require.NoError(t, err)
				kinds = append(kinds, voicemail.EventKind(text))
			}
		}
		return true
	})
	return kinds
}

func TestEveryKindOfEventIsKnownToChangeTheCountsOrNot(t *testing.T) {
	none, one, both := []voicemail.MailboxID(nil), []voicemail.MailboxID{"to"}, []voicemail.MailboxID{"to", "from"}
	want := map[voicemail.EventKind][]voicemail.MailboxID{
		voicemail.EventMailboxCreated:  one, // it was told as gone
		voicemail.EventMailboxDeleted:  one,
		voicemail.EventSettingsChanged: one,  // it is rare
		voicemail.EventTenantChanged:   none, // of no mailbox
		voicemail.EventGreetingSet:     none,
		voicemail.EventGreetingDeleted: none,
		voicemail.EventDeposited:       one,
		voicemail.EventPending:         none, // it is in no mailbox yet
		voicemail.EventSynced:          one,
		voicemail.EventCopied:          one, // where it came from is as it was
		voicemail.EventMoved:           both,
		voicemail.EventRead:            one,
		voicemail.EventUnread:          one,
		voicemail.EventUrgent:          one,
		voicemail.EventNotUrgent:       one,
		voicemail.EventExpirySet:       none, // it is there until it has expired
		voicemail.EventPartAdded:       none,
		voicemail.EventTrashed:         one,
		voicemail.EventRestored:        one,
		voicemail.EventDeleted:         one,
		voicemail.EventExpired:         one,
		voicemail.EventDropped:         one,
		voicemail.EventRestricted:      one,
		voicemail.EventUnrestricted:    one,
		voicemail.EventErased:          one, // it was not counted any more, unless who restricted it died before it told
		voicemail.EventQuarantined:     one,
		voicemail.EventUnquarantined:   one,
		voicemail.EventHeld:            none,
		voicemail.EventReleased:        none,
		voicemail.EventPINSet:          none,
		voicemail.EventPINCleared:      none,
		voicemail.EventPINLocked:       none,
		voicemail.EventPINUnlocked:     none,
	}
	kinds := declaredKinds(t)
	require.NotEmpty(t, kinds)
	for _, kind := range kinds {
		mailboxes, ok := want[kind]
		if assert.True(t, ok, "%s: decide whether the counts of a mailbox can change with it, here and in touched", kind) {
			from := voicemail.MailboxID("")
			if kind == voicemail.EventCopied || kind == voicemail.EventMoved {
				from = "from"
			}
			assert.Equal(t, mailboxes, touched(voicemail.Event{Kind: kind, Mailbox: "to", From: from}), "%s", kind)
		}
	}
	assert.Equal(t, both, touched(voicemail.Event{Kind: "of a later version", Mailbox: "to", From: "from"}), "whoever counts for nothing loses nothing")
	assert.Equal(t, one, touched(voicemail.Event{Kind: voicemail.EventMoved, Mailbox: "to", From: "to"}))
}
