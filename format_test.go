package voicemail

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// A golden file says what is stored. Stored data outlives the code: a difference is a new format, which the code must read beside the old one.
var update = flag.Bool("update", false, "write the golden files anew")

const formatVersion = "v1"

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "%s differs; if that is meant, run with -update", path)
}

func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata", formatVersion, name))
	require.NoError(t, err)
	return doc
}

// indented makes a stored document readable. What is stored has neither the indentation nor the last line break.
func indented(t *testing.T, doc []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, doc, "", "  "))
	out.WriteByte('\n')
	return out.Bytes()
}

var (
	goldenTime = time.Date(2031, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	goldenKey  = []byte("0123456789abcdef0123456789abcdef")
)

const goldenID = "01920000-0000-7000-8000-000000000001"

func fullMetadata() *metadata {
	return &metadata{
		Version: metadataVersion, ID: goldenID, Hop: 2, Mailbox: "Sales",
		Caller:      partyDoc{Rules: 1, Number: "5551234567", Normalized: "+15551234567", Name: `Ann "A" Exämple`},
		Called:      partyDoc{Rules: 1, Number: "+15550005001"},
		Redirecting: partyDoc{Rules: 1, Opaque: "sip:desk@pbx.test"},
		CallID:      "call-1@pbx.test", ReceivedAt: goldenTime, DurationMS: 12_345, Measured: true, Size: 98_804,
		ContentType: "audio/wav", Ext: "wav", SHA256: strings.Repeat("0123456789abcdef", 4), Region: "eu-1",
		Private:    true,
		Attributes: map[string]string{"queue": "sales", "campaign": "<a&b>"},
		CopiedFrom: &Origin{Mailbox: "5001", Message: "01920000-0000-7000-8000-000000000002"},
		MovedFrom:  &movedFrom{Mailbox: "5001", Hop: 1},
	}
}

func minimalMetadata() *metadata {
	return &metadata{
		Version: metadataVersion, ID: goldenID, Mailbox: "5001", ReceivedAt: goldenTime, Size: 1,
		ContentType: "application/octet-stream", Ext: "bin", SHA256: strings.Repeat("00", 32), Region: "main",
	}
}

func TestMetadataIsStoredAsInItsGoldenFile(t *testing.T) {
	for name, d := range map[string]*metadata{"metadata-full.json": fullMetadata(), "metadata-minimal.json": minimalMetadata()} {
		doc, err := d.encode()
		require.NoError(t, err)
		golden(t, formatVersion+"/"+name, indented(t, doc))
		read, err := decodeMetadata(readGolden(t, name))
		require.NoError(t, err)
		assert.Equal(t, d, read)
	}
}

func TestAnEnvelopeComesBackFromItsStoredForm(t *testing.T) {
	e := fullMetadata().envelope()
	assert.Equal(t, "5551234567", e.Caller.Reveal(), "what was delivered")
	assert.Equal(t, `Ann "A" Exämple`, e.Caller.RevealName())
	assert.True(t, e.Caller.IsNumber())
	assert.Equal(t, "sip:desk@pbx.test", e.Redirecting.Reveal())
	assert.False(t, e.Redirecting.IsNumber())
	assert.Equal(t, 12_345*time.Millisecond, e.Duration)
	for _, c := range []CallerID{e.Caller, e.Called, e.Redirecting, ParseCallerID(`"Ann" <anonymous>`), {}} {
		doc, err := json.Marshal(newPartyDoc(c))
		require.NoError(t, err)
		var d partyDoc
		require.NoError(t, json.Unmarshal(doc, &d))
		back := d.callerID()
		assert.Equal(t, c.Reveal(), back.Reveal())
		assert.Equal(t, c.RevealName(), back.RevealName())
		assert.Equal(t, [2]bool{c.IsNumber(), c.Withheld()}, [2]bool{back.IsNumber(), back.Withheld()})
	}
}

func TestMetadataOfALaterVersionIsRead(t *testing.T) {
	doc := bytes.Replace(readGolden(t, "metadata-full.json"), []byte(`"v": 1,`), []byte(`"v": 2, "transcript": {"lang": "en"}, "caller2": [1],`), 1)
	read, err := decodeMetadata(doc)
	require.NoError(t, err, "fields are added, never changed: what is known keeps its meaning")
	assert.Len(t, read.rest, 2, "and what is not known is kept")
	want := fullMetadata()
	want.Version, want.rest = 2, read.rest
	assert.Equal(t, want, read)
}

func TestMetadataThatLacksWhatMustBeThereIsDamaged(t *testing.T) {
	whole := string(readGolden(t, "metadata-minimal.json"))
	for why, doc := range map[string]string{
		"empty":      "",
		"cut off":    whole[:len(whole)/2],
		"no object":  `[]`,
		"no version": strings.Replace(whole, `"v": 1`, `"v": 0`, 1),
		"no ID":      strings.Replace(whole, goldenID, "", 1),
		"no ending":  strings.Replace(whole, `"ext": "bin"`, `"ext": ""`, 1),
	} {
		_, err := decodeMetadata([]byte(doc))
		assert.ErrorIs(t, err, ErrDamaged, why)
	}
}

func TestMetadataLongerThanItIsReadIsNotWritten(t *testing.T) {
	d := minimalMetadata()
	d.Attributes = map[string]string{"k": strings.Repeat("\x00", metadataSize/6)} // JSON takes six bytes for each
	_, err := d.encode()
	assert.ErrorIs(t, err, ErrInvalid)
}

func fullSettings() *Settings {
	return &Settings{
		Owner: Group("sales"), Disabled: true, MaxMessages: 100, MaxBytes: 1 << 30, WhenFull: DropOldestRead,
		MinDuration: 1500 * time.Millisecond, MaxDuration: 3 * time.Minute, Retention: Retention{Days: NoLimit, KeepUnread: On, TrashDays: 7},
		OptOutNumber: "5100", ChangedAt: goldenTime,
	}
}

func TestTenantSettingsAreStoredAsInTheirGoldenFile(t *testing.T) {
	full := &TenantSettings{
		MaxMessages: 100, MaxBytes: 1 << 30, WhenFull: Refuse, MinDuration: time.Second, MaxDuration: time.Hour,
		Retention: Retention{Days: 30, KeepUnread: Off, TrashDays: 7}, OptOutNumber: "5100", AccessNumber: "5000", Revision: 3, ChangedAt: goldenTime,
	}
	minimal := &TenantSettings{AccessNumber: DefaultAccessNumber, Revision: 3, ChangedAt: goldenTime}
	for name, s := range map[string]*TenantSettings{"tenant-full.json": full, "tenant-minimal.json": minimal} {
		doc, err := s.encode("0123456789abcdef01234567")
		require.NoError(t, err)
		golden(t, formatVersion+"/"+name, indented(t, doc))
		read, err := decodeTenantSettings(readGolden(t, name), keys.Revision{Gen: 1, Rev: 3})
		require.NoError(t, err)
		assert.Equal(t, s, read)
	}
	for why, doc := range map[string]string{"empty": "", "no object": "[]", "no version": "{}", "another type": `{"v":1,"retentionDays":"many"}`} {
		_, err := decodeTenantSettings([]byte(doc), keys.Revision{Gen: 1, Rev: 1})
		assert.ErrorIs(t, err, storage.ErrCorrupt, why)
	}
}

func TestSettingsAreStoredAsInTheirGoldenFile(t *testing.T) {
	rev := keys.Revision{Gen: 1}
	for name, s := range map[string]*Settings{"settings-full.json": fullSettings(), "settings-minimal.json": {ChangedAt: goldenTime}} {
		doc, err := s.encode("0123456789abcdef01234567")
		require.NoError(t, err)
		golden(t, formatVersion+"/"+name, indented(t, doc))
		read, err := decodeSettings(readGolden(t, name), rev)
		require.NoError(t, err)
		assert.Equal(t, s, read)
	}
}

func TestFieldsOfALaterVersionMoveAlongWithAMessage(t *testing.T) {
	doc := bytes.Replace(readGolden(t, "metadata-full.json"), []byte(`"v": 1,`), []byte(`"v": 2, "transcript": {"words": 7},`), 1)
	d, err := decodeMetadata(doc)
	require.NoError(t, err)
	moved := *d
	moved.Hop++
	doc, err = moved.encode()
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(doc, &all))
	assert.Equal(t, map[string]any{"words": 7.0}, all["transcript"])
	assert.EqualValues(t, moved.Hop, all["hop"])
}

func TestFieldsOfALaterVersionSurviveAChangeOfSettings(t *testing.T) {
	doc := bytes.Replace(readGolden(t, "settings-full.json"), []byte(`"v": 1,`), []byte(`"v": 2, "greeting": {"kind": "busy"},`), 1)
	s, err := decodeSettings(doc, keys.Revision{Gen: 1, Rev: 7})
	require.NoError(t, err)
	assert.Equal(t, 7, s.Revision, "the name says which revision it is")
	s.MaxMessages = 5
	doc, err = s.encode("other")
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(doc, &all))
	assert.Equal(t, map[string]any{"kind": "busy"}, all["greeting"])
	assert.EqualValues(t, 5, all["maxMessages"])
	assert.Equal(t, "other", all["nonce"], "each document has its maker's own")
}

func TestSettingsThatCannotBeReadAreCorrupt(t *testing.T) {
	for why, doc := range map[string]string{"empty": "", "no object": "[]", "no version": "{}", "another type": `{"v":1,"disabled":"no"}`} {
		_, err := decodeSettings([]byte(doc), keys.Revision{Gen: 1})
		assert.ErrorIs(t, err, storage.ErrCorrupt, why)
	}
}

func fullGreeting() *greetingDoc {
	return &greetingDoc{
		Version: greetingVersion, Nonce: "0123456789abcdef01234567", At: goldenTime, ContentType: "audio/wav", DurationMS: 12_345, Size: 98_804,
		SHA256: strings.Repeat("0123456789abcdef", 4), Expires: goldenTime.Add(time.Hour),
	}
}

func TestGreetingsAreStoredAsInTheirGoldenFile(t *testing.T) {
	for name, d := range map[string]*greetingDoc{
		"greeting-full.json": fullGreeting(), "greeting-deleted.json": {Version: greetingVersion, Nonce: "0123456789abcdef01234567", At: goldenTime, Deleted: true},
	} {
		doc, err := json.Marshal(d)
		require.NoError(t, err)
		golden(t, formatVersion+"/"+name, indented(t, doc))
		read, err := decodeGreeting(readGolden(t, name), 1)
		require.NoError(t, err)
		assert.Equal(t, d, read)
	}
	later := bytes.Replace(readGolden(t, "greeting-full.json"), []byte(`"v": 1,`), []byte(`"v": 2, "language": "en",`), 1)
	read, err := decodeGreeting(later, 1)
	require.NoError(t, err, "fields are added, never changed: what is known keeps its meaning")
	want := fullGreeting()
	want.Version = 2
	assert.Equal(t, want, read)
}

func TestAGreetingThatCannotBeReadIsCorrupt(t *testing.T) {
	for why, doc := range map[string]string{
		"empty": "", "no object": "[]", "no version": `{"size":1,"sha256":"00"}`, "no size": `{"v":1,"sha256":"00"}`, "no digest": `{"v":1,"size":1}`, "another type": `{"v":1,"deleted":"no"}`,
	} {
		_, err := decodeGreeting([]byte(doc), 1)
		assert.ErrorIs(t, err, storage.ErrCorrupt, why)
	}
}

func TestTheKeyRecordIsStoredAsInItsGoldenFile(t *testing.T) {
	stored, err := json.Marshal(keyRecord{Version: 1, Key: goldenKey})
	require.NoError(t, err)
	golden(t, formatVersion+"/key-stored.json", indented(t, stored))
	external, err := json.Marshal(keyRecord{Version: 1, Check: checkValue(goldenKey)})
	require.NoError(t, err)
	golden(t, formatVersion+"/key-external.json", indented(t, external))
}

// openWithKeyRecord opens a tenant whose key record is doc.
func openWithKeyRecord(t *testing.T, doc []byte, given []byte) (*Service, error) {
	t.Helper()
	space, err := keys.NewSpace("acme")
	require.NoError(t, err)
	st := memstore.New(nil)
	_, err = st.Create(t.Context(), space.IndexKey(1), bytes.NewReader(doc), nil)
	require.NoError(t, err)
	return Open(t.Context(), OneRegion(st), &Options{Tenant: "acme", IndexKey: given})
}

// A change of what the hash is made of hides every message from every search.
func TestACallerIsIndexedUnderTheSameHashForEver(t *testing.T) {
	for _, row := range []struct {
		record string
		given  []byte
	}{{"key-stored.json", nil}, {"key-stored.json", goldenKey}, {"key-external.json", goldenKey}} {
		s, err := openWithKeyRecord(t, readGolden(t, row.record), row.given)
		require.NoError(t, err, row.record)
		x, err := s.callers(t.Context())
		require.NoError(t, err)
		golden(t, formatVersion+"/caller-hash.txt", []byte(x.hash("+15551234567")+"\n"))
	}
}

func TestAKeyRecordThatDoesNotFitIsRefused(t *testing.T) {
	other := []byte("another key of 32 bytes, at last")
	for why, row := range map[string]struct {
		doc   []byte
		given []byte
	}{
		"another key than the stored":   {readGolden(t, "key-stored.json"), other},
		"another key than the checked":  {readGolden(t, "key-external.json"), other},
		"an external key that is unset": {readGolden(t, "key-external.json"), nil},
		"a later version":               {[]byte(`{"v":2,"key":"AAAA"}`), nil},
		"an empty record":               {nil, nil},
		"an empty record, key given":    {nil, other},
		"neither key nor check value":   {[]byte(`{"v":1}`), other},
		"a key that is too short":       {[]byte(`{"v":1,"key":"AAAA"}`), nil},
		"an empty key":                  {[]byte(`{"v":1,"key":""}`), nil},
	} {
		_, err := openWithKeyRecord(t, row.doc, row.given)
		assert.ErrorIs(t, err, ErrIndexKey, why)
	}
}

func TestTheClaimOfAMoveIsStoredAsInItsGoldenFile(t *testing.T) {
	c := claim{To: "Sales", Nonce: "0123456789abcdef01234567"}
	doc, err := json.Marshal(c)
	require.NoError(t, err)
	golden(t, formatVersion+"/move-claim.json", indented(t, doc))
	var read claim
	require.NoError(t, json.Unmarshal(readGolden(t, "move-claim.json"), &read))
	assert.Equal(t, c, read)
}

// goldenService makes everything the same each time.
func goldenService(t *testing.T, regions Regions) *Service {
	t.Helper()
	s, err := Open(t.Context(), regions, &Options{
		Tenant: "Acme", IndexKey: goldenKey, Now: func() time.Time { return goldenTime },
		Normalize: func(n string) string { return "+1" + n },
	})
	require.NoError(t, err)
	s.ids = idSource{message: func(time.Time) MessageID { return goldenID }, nonce: func() string { return "0123456789abcdef01234567" }}
	return s
}

func TestTheNamesOfAMessageAreThoseOfTheGoldenFile(t *testing.T) {
	ctx := t.Context()
	now := &memstore.Options{Now: func() time.Time { return goldenTime }}
	master, local := memstore.New(now), memstore.New(now)
	s := goldenService(t, Regions{Master: "main", Local: "eu-1", Stores: map[string]Store{"main": master, "eu-1": local}})
	var out bytes.Buffer
	section := func(title string) {
		out.WriteString("# " + title + "\n")
		for _, region := range []struct {
			name string
			st   storage.Store
		}{{"main", master}, {"eu-1", local}} {
			for info, err := range storage.All(ctx, region.st, nil) {
				require.NoError(t, err)
				out.WriteString(region.name + " " + info.Key + "\n")
			}
		}
		out.WriteByte('\n')
	}
	section("provisioned")
	for _, id := range []MailboxID{"5001", "Sales"} {
		_, err := s.CreateMailbox(ctx, id, nil)
		require.NoError(t, err)
	}
	msg, err := s.Mailbox("5001").Deposit(ctx, strings.NewReader("RIFF"), &DepositOptions{
		Caller: ParseCallerID("5551234567"), Urgent: true, Expires: goldenTime.Add(time.Hour),
	})
	require.NoError(t, err)
	section("two mailboxes and a message: urgent, expires, a caller in two forms")
	require.NoError(t, msg.MarkRead(ctx))
	require.NoError(t, msg.Trash(ctx))
	_, err = s.Mailbox("5001").UpdateSettings(ctx, func(set *Settings) error { set.MaxMessages = 3; return nil })
	require.NoError(t, err)
	section("read, in the trash, settings changed")
	for _, text := range []string{"call back", "done"} {
		_, err := msg.AddPart(ctx, PartNote, strings.NewReader(text), nil)
		require.NoError(t, err)
	}
	_, err = msg.AddPart(ctx, PartTranscript, strings.NewReader("{}"), &PartOptions{ContentType: jsonType})
	require.NoError(t, err)
	section("with parts")
	msg, err = msg.MoveTo(ctx, "Sales")
	require.NoError(t, err)
	section("moved")
	require.NoError(t, msg.Delete(ctx))
	section("deleted")
	_, err = s.Greetings("5001").Set(ctx, GreetingBusy, strings.NewReader("RIFF"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Greetings("5001").Delete(ctx, GreetingBusy))
	section("a greeting was set and deleted")
	_, err = s.UpdateSettings(ctx, func(set *TenantSettings) error { set.Retention.Days = 30; return nil })
	require.NoError(t, err)
	section("settings of the tenant")
	golden(t, formatVersion+"/names.txt", out.Bytes())
}

// TestAStoreOfTheGoldenFilesIsUsable puts the golden files where they belong and works with them.
func TestAStoreOfTheGoldenFilesIsUsable(t *testing.T) {
	ctx := t.Context()
	st := memstore.New(nil)
	space, err := keys.NewSpace("Acme")
	require.NoError(t, err)
	box, err := space.Box("5001")
	require.NoError(t, err)
	ref := keys.Ref{ID: goldenID}
	for key, doc := range map[string][]byte{
		space.IndexKey(1):                     readGolden(t, "key-stored.json"),
		box.SettingsAt(keys.Revision{Gen: 1}): readGolden(t, "settings-minimal.json"),
		box.Meta(ref):                         readGolden(t, "metadata-minimal.json"),
		box.Audio(ref, "bin"):                 []byte("x"),
	} {
		put(ctx, t, st, key, doc)
	}
	s, err := Open(ctx, OneRegion(st), &Options{Tenant: "Acme"})
	require.NoError(t, err)
	msg, err := s.Mailbox("5001").Message(ctx, goldenID)
	require.NoError(t, err)
	assert.Equal(t, minimalMetadata().envelope(), msg.Envelope())
	r, err := msg.Open(ctx)
	require.NoError(t, err)
	defer r.Close()
	n, err := s.Mailbox("5001").Counts(ctx)
	require.NoError(t, err)
	assert.Equal(t, Counts{New: 1}, n)
}

func put(ctx context.Context, t *testing.T, st storage.Store, key string, doc []byte) {
	t.Helper()
	_, err := st.Create(ctx, key, bytes.NewReader(doc), nil)
	require.NoError(t, err)
}

// Names that a later version may put beside a message say nothing to this one, and are no reason to fail.
func TestNamesOfALaterVersionSayNothing(t *testing.T) {
	ctx := t.Context()
	st := memstore.New(nil)
	s := goldenService(t, OneRegion(st))
	box, err := s.CreateMailbox(ctx, "5001", nil)
	require.NoError(t, err)
	_, err = box.Deposit(ctx, strings.NewReader("RIFF"), nil)
	require.NoError(t, err)
	names, err := s.box("5001")
	require.NoError(t, err)
	for _, key := range []string{
		names.Mark(keys.Ref{ID: goldenID}, "flag-blue"), names.Mark(keys.Ref{ID: goldenID}, "expires-soon"), names.Prefix() + "share-agent7", names.Prefix() + "a.b",
		s.space.Boxes() + "0.later/x", keys.Tenants + "0.later/x", s.space.Callers() + "later", s.space.Media() + "later",
	} {
		put(ctx, t, st, key, nil)
	}
	n, err := box.Counts(ctx)
	require.NoError(t, err)
	assert.Equal(t, Counts{New: 1}, n)
	msg, err := box.Message(ctx, goldenID)
	require.NoError(t, err)
	assert.Equal(t, State{}, msg.State())
	_, err = s.Maintain(ctx)
	require.NoError(t, err)
	for tenant, err := range Tenants(ctx, st) {
		require.NoError(t, err)
		assert.Equal(t, "Acme", tenant)
	}
}
