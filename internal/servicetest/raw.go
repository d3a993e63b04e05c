package servicetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

// names returns the names of the raw store below a prefix.
func (e *env) names(prefix string) []string {
	e.Helper()
	names := []string{}
	for info, err := range storage.All(e.ctx, e.store, &storage.ListOptions{Prefix: prefix, KeysOnly: true}) {
		require.NoError(e, err, "raw listing")
		names = append(names, info.Key)
	}
	return names
}

// tenantNames returns the names of the tenant.
func (e *env) tenantNames() []string {
	e.Helper()
	return e.names(e.folder())
}

func (e *env) folder() string { return strings.TrimSuffix(e.space.Boxes(), "box/") }

func (e *env) readRaw(key string) []byte {
	e.Helper()
	b, err := storage.ReadFile(e.ctx, e.store, key, 1<<30)
	require.NoError(e, err, "raw read")
	return b
}

func (e *env) plant(key, content string) {
	e.Helper()
	_, err := e.store.Create(e.ctx, key, strings.NewReader(content), nil)
	require.NoError(e, err, "raw create")
}

func (e *env) removeRaw(keys ...string) {
	e.Helper()
	require.NoError(e, e.store.Delete(e.ctx, keys...), "raw delete")
}

func (e *env) exists(key string) bool {
	e.Helper()
	ok, err := storage.Exists(e.ctx, e.store, key)
	require.NoError(e, err, "raw stat")
	return ok
}

func (e *env) keysOf(mailbox voicemail.MailboxID) keys.Box {
	e.Helper()
	box, err := e.space.Box(string(mailbox))
	require.NoError(e, err)
	return box
}

// ref is the first stay of a message.
func ref(msg voicemail.Message) keys.Ref { return keys.Ref{ID: string(msg.ID())} }

func (e *env) markName(msg voicemail.Message, mark string) string {
	e.Helper()
	return e.keysOf(msg.Mailbox()).Mark(ref(msg), mark)
}

// mark plants a mark of a message.
func (e *env) mark(msg voicemail.Message, mark string) {
	e.Helper()
	e.plant(e.markName(msg, mark), "")
}

// hash computes the keyed hash of an identity from what the store holds, by the published rule and not by the library's code.
func (e *env) hash(identity string) string {
	e.Helper()
	var rec struct {
		Key []byte `json:"key"`
	}
	require.NoError(e, json.Unmarshal(e.readRaw(e.space.IndexKey(1)), &rec))
	require.NotEmpty(e, rec.Key)
	mac := hmac.New(sha256.New, rec.Key)
	mac.Write([]byte(e.tenant + "\x00" + identity))
	return hex.EncodeToString(mac.Sum(nil))
}

// clean demands that no name and no byte in the store gives away what the scan looks for.
func (e *env) clean(s rawscan.Scan) {
	e.Helper()
	rawscan.Require(e.ctx, e, e.scan(s))
}

// unclean demands that the scan finds all that it looks for, since one that sees nothing proves nothing.
func (e *env) unclean(s rawscan.Scan) {
	e.Helper()
	found, err := e.scan(s).Run(e.ctx)
	require.NoError(e, err, "raw scan")
	var names []string
	for i := range s.Numbers {
		names = append(names, fmt.Sprintf("Numbers[%d]", i))
	}
	for i := range s.Audio {
		names = append(names, fmt.Sprintf("Audio[%d]", i))
	}
	for _, secret := range s.Secrets {
		names = append(names, secret.Name)
	}
	for _, name := range names {
		require.True(e, slices.ContainsFunc(found, func(f rawscan.Finding) bool { return strings.Contains(f.What, name) }), "the raw scan does not see %s", name)
	}
}

func (e *env) scan(s rawscan.Scan) rawscan.Scan {
	s.Tenant = e.tenant
	if s.Stores == nil {
		s.Stores = map[string]storage.Store{"main": e.store}
	}
	return s
}

// rawMeta is what the suite reads of the stored metadata.
type rawMeta struct {
	ID      string `json:"id"`
	Hop     int    `json:"hop"`
	Mailbox string `json:"mailbox"`
	Caller  struct {
		Number     string `json:"number"`
		Opaque     string `json:"opaque"`
		Normalized string `json:"normalized"`
	} `json:"caller"`
	Size   int64  `json:"size"`
	Ext    string `json:"ext"`
	SHA256 string `json:"sha256"`
	Region string `json:"region"`
}

// rawStay is what the raw names say of one message in one mailbox, read without the library's own code.
type rawStay struct {
	ref   keys.Ref
	marks []string
}

func (s *rawStay) has(mark string) bool {
	return slices.ContainsFunc(s.marks, func(m string) bool { return strings.HasPrefix(m, mark) })
}

func (s *rawStay) visible() bool {
	return s.has(keys.Meta) && !s.has(keys.Gone) && !s.has(keys.Forget) && !s.has(keys.Quarantine)
}

// rawBoxes reads every mailbox of the tenant off its names.
func (e *env) rawBoxes() map[voicemail.MailboxID][]*rawStay {
	e.Helper()
	boxes := map[voicemail.MailboxID][]*rawStay{}
	for _, name := range e.names(e.space.Boxes()) {
		folder, file := name[:strings.LastIndexByte(name, '/')+1], name[strings.LastIndexByte(name, '/')+1:]
		id, err := e.space.BoxID(folder)
		require.NoError(e, err, "a folder that is no mailbox")
		mailbox := voicemail.MailboxID(id)
		if _, ok := keys.ParseRevision(file); ok {
			if _, known := boxes[mailbox]; !known {
				boxes[mailbox] = nil
			}
			continue
		}
		stem, mark, _ := strings.Cut(file, ".")
		r, err := keys.ParseRef(stem)
		require.NoError(e, err, "a name in a mailbox that is neither settings nor a message")
		stays := boxes[mailbox]
		if len(stays) == 0 || stays[len(stays)-1].ref != r {
			stays = append(stays, &rawStay{ref: r})
		}
		stays[len(stays)-1].marks = append(stays[len(stays)-1].marks, mark)
		boxes[mailbox] = stays
	}
	return boxes
}

// sound demands the invariants of the store: whatever is visible has its metadata, the audio that the metadata tells, and an index entry for every
// identity of its caller; it is listed once and found; and the counts are the listing's.
func (e *env) sound(svc *voicemail.Service) {
	e.Helper()
	for mailbox, stays := range e.rawBoxes() {
		box := svc.Mailbox(mailbox)
		var want voicemail.Counts
		var visible []string
		for _, st := range stays {
			if !st.visible() {
				continue
			}
			visible = append(visible, st.ref.ID)
			e.whole(svc, mailbox, st)
			if !st.has(keys.Trash) {
				tally(&want, st.has(keys.Read), st.has(keys.Urgent))
			}
		}
		got, err := box.Counts(e.ctx)
		if errors.Is(err, voicemail.ErrNoMailbox) {
			require.Empty(e, visible, "messages are visible in a mailbox that does not exist")
			continue
		}
		require.NoError(e, err, "counts")
		require.Equal(e, want, got, "the counts are not those of the names")
		slices.Sort(visible)
		slices.Reverse(visible)
		require.Equal(e, len(visible), len(slices.Compact(slices.Clone(visible))), "a message is visible twice in one mailbox")
		require.Equal(e, visible, strs(e.list(box, &voicemail.ListOptions{Trash: voicemail.WithTrash})), "the listing is not what the names say, newest first")
	}
}

func strs(ids []voicemail.MessageID) []string {
	var s []string
	for _, id := range ids {
		s = append(s, string(id))
	}
	return s
}

func tally(c *voicemail.Counts, read, urgent bool) {
	switch {
	case read:
		c.Old++
	default:
		c.New++
	}
	switch {
	case urgent && read:
		c.OldUrgent++
	case urgent:
		c.NewUrgent++
	}
}

// whole demands that a visible message has all that belongs to it, and is found.
func (e *env) whole(svc *voicemail.Service, mailbox voicemail.MailboxID, st *rawStay) {
	e.Helper()
	box := e.keysOf(mailbox)
	var meta rawMeta
	require.NoError(e, json.Unmarshal(e.readRaw(box.Meta(st.ref)), &meta), "metadata")
	require.Equal(e, st.ref, keys.Ref{ID: meta.ID, Hop: meta.Hop}, "the metadata is another message's")
	require.Equal(e, string(mailbox), meta.Mailbox, "the metadata is another mailbox's")
	at := e
	if e.elsewhere != nil {
		at = e.elsewhere[meta.Region]
	}
	audio := at.readRaw(box.Audio(st.ref, meta.Ext))
	sum := sha256.Sum256(audio)
	require.Equal(e, meta.SHA256, hex.EncodeToString(sum[:]), "the audio is not what was deposited")
	require.Equal(e, meta.Size, int64(len(audio)))
	for _, identity := range []string{meta.Caller.Number, meta.Caller.Opaque, meta.Caller.Normalized} {
		if identity == "" {
			continue
		}
		require.True(e, e.exists(box.CallerEntry(e.hash(identity), st.ref)), "a visible message has no index entry for its caller")
		found := e.find(svc, identity)
		if st.has(keys.Move) { // it may be in both mailboxes for now, and is found where it went
			require.True(e, slices.ContainsFunc(found, func(f string) bool { return strings.HasSuffix(f, "/"+st.ref.ID) }), "a message being moved is not found")
			continue
		}
		require.Contains(e, found, string(mailbox)+"/"+st.ref.ID, "a visible message is not found by its caller")
	}
}
