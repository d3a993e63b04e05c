package servicetest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

// damage is something that is not as it should be, and what Check and Repair make of it.
type damage struct {
	kind voicemail.FindingKind
	why  string // what goes wrong for whom as long as it is so
	// plant does it, to a message or beside it. It was done two days before the check.
	plant  func(v *victim)
	action voicemail.Action
	// other: it is not of the victim.
	other bool
	// in is where the finding is, if not in the victim's mailbox; tenant: in no mailbox.
	in     voicemail.MailboxID
	tenant bool
	// region is what the finding says of it.
	region string
	// mended holds after Repair, beside a second Check that finds nothing.
	mended func(v *victim)
	// at is when it is found at the earliest; before that it may be somebody's work under way.
	at time.Duration
}

// victim is a message to which something happens, in a mailbox with another message, by which it is seen that nothing else does.
type victim struct {
	*env
	box    voicemail.Mailbox
	msg    voicemail.Message
	beside voicemail.Message
	names  keys.Box
	ref    keys.Ref
	audio  []byte
}

// national is a caller whose number the service normalizes.
const national = "711555"

func newVictim(e *env) *victim {
	e.Helper()
	e.svc = e.open(german)
	v := &victim{env: e, audio: wav(20), names: e.keysOf("5001")}
	v.box = e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7"), MaxMessages: 9})
	e.mailbox("5002")
	caller := &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(national), Urgent: true}
	v.msg = e.depositAudio(v.box, v.audio, caller)
	v.beside = e.deposit(v.box, &voicemail.DepositOptions{Caller: number()})
	v.ref = ref(v.msg)
	return v
}

// instead puts another object in the place of one.
func (v *victim) instead(key, content string) {
	v.Helper()
	v.removeRaw(key)
	v.plant(key, content)
}

func (v *victim) audioName() string { return v.names.Audio(v.ref, "wav") }

func damages() []damage {
	stray := keys.Ref{ID: string(idAt(1)), Hop: 1}
	hidden := func(v *victim) {
		v.damaged = true
		v.invisible(v.msg, "what is in quarantine is not seen")
		require.Equal(v, voicemail.Counts{New: 1}, v.counts(v.box))
		require.True(v, v.exists(v.names.Meta(v.ref)), "it is kept")
	}
	back := func(v *victim) {
		require.Equal(v, []string{"5001/" + string(v.msg.ID())}, v.find(v.svc, national))
		require.Equal(v, []string{"5001/" + string(v.msg.ID())}, v.find(v.svc, "+49"+national))
		require.Equal(v, v.audio, v.play(v.again(v.msg)))
	}
	settings := func(want voicemail.Settings) func(v *victim) {
		return func(v *victim) {
			got, err := v.open(german).Mailbox("5001").Settings(v.ctx)
			require.NoError(v, err)
			want.Revision, want.ChangedAt = got.Revision, got.ChangedAt
			require.Equal(v, want, got)
		}
	}
	return []damage{
		{kind: voicemail.FoundAudioMissing, why: "an agent who presses play hears nothing", plant: func(v *victim) { v.removeRaw(v.audioName()) }, action: voicemail.ActionQuarantined, region: "main", mended: hidden},
		{kind: voicemail.FoundAudioLength, why: "half a message says something else", plant: func(v *victim) {
			v.instead(v.audioName(), string(v.audio[:50]))
		}, action: voicemail.ActionQuarantined, region: "main", mended: hidden},
		{kind: voicemail.FoundAudioAltered, why: "what was said is evidence", plant: func(v *victim) {
			v.instead(v.audioName(), strings.Repeat("x", len(v.audio)))
		}, action: voicemail.ActionQuarantined, region: "main", mended: hidden},
		{kind: voicemail.FoundMetadataUnreadable, why: "every listing stumbles over it", plant: func(v *victim) { v.instead(v.names.Meta(v.ref), "{") }, action: voicemail.ActionQuarantined, mended: hidden},
		{kind: voicemail.FoundMetadataUnreadable, why: "an object too long to be metadata is none", plant: func(v *victim) {
			v.instead(v.names.Meta(v.ref), strings.Repeat(" ", 1<<17))
		}, action: voicemail.ActionQuarantined, mended: hidden},
		{kind: voicemail.FoundMetadataForeign, why: "the name of another caller stands beside the recording", plant: func(v *victim) {
			v.instead(v.names.Meta(v.ref), string(v.readRaw(v.names.Meta(ref(v.beside)))))
		}, action: voicemail.ActionQuarantined, mended: hidden},
		{kind: voicemail.FoundMetadataForeign, why: "a message that says it is in another mailbox is moved there by nobody", plant: func(v *victim) {
			v.instead(v.names.Meta(v.ref), strings.Replace(string(v.readRaw(v.names.Meta(v.ref))), `"5001"`, `"5002"`, 1))
		}, action: voicemail.ActionQuarantined, mended: hidden},
		{kind: voicemail.FoundRestrictionLost, why: "a restriction that nobody undoes or carries out keeps personal data for ever", plant: func(v *victim) {
			v.mark(v.msg, keys.Forgetting{Case: strings.Repeat("0f", 16), Entry: 1}.Mark())
		}, action: voicemail.ActionQuarantined, mended: hidden},
		{kind: voicemail.FoundRestrictionLost, why: "a request that was closed does not come back to what it has missed", plant: func(v *victim) {
			f := keys.Forgetting{Case: strings.Repeat("0f", 16), Entry: 3}
			for i, kind := range []string{"forget", "undo", "forget", "erase", "erased", "verified", "closed"} {
				v.plant(v.space.CaseEntry(f.Case, i+1), fmt.Sprintf(`{"v":1,"kind":%q}`, kind))
			}
			v.mark(v.msg, f.Mark())
		}, action: voicemail.ActionQuarantined, mended: hidden},
		{kind: voicemail.FoundEntryMissing, why: "the caller asks to be forgotten and the message is not found", plant: func(v *victim) {
			v.removeRaw(v.names.CallerEntry(v.hash(national), v.ref), v.names.CallerEntry(v.hash("+49"+national), v.ref))
		}, action: voicemail.ActionRestored, mended: back},
		{kind: voicemail.FoundEntryMissing, why: "a search by the full number does not find it", plant: func(v *victim) {
			v.removeRaw(v.names.CallerEntry(v.hash("+49"+national), v.ref))
		}, action: voicemail.ActionRestored, mended: back},
		{kind: voicemail.FoundMoveInterrupted, why: "two mailboxes show one message", plant: func(v *victim) {
			v.plant(v.markName(v.msg, keys.Move), `{"to":"5002","nonce":"crashed"}`)
		}, action: voicemail.ActionFinished, at: 2 * time.Hour, mended: func(v *victim) {
			require.Equal(v, []string{"5002/" + string(v.msg.ID())}, v.find(v.svc, national))
		}},
		{kind: voicemail.FoundDeletionInterrupted, why: "what somebody deleted lies there still", plant: func(v *victim) { v.mark(v.msg, keys.Gone+"crashed") }, action: voicemail.ActionFinished, at: 2 * time.Hour, mended: func(v *victim) {
			require.Empty(v, v.find(v.svc, national))
			require.False(v, v.exists(v.audioName()))
		}},
		{kind: voicemail.FoundStrayMarks, why: "they are listed for ever with every count", plant: func(v *victim) {
			v.plant(v.names.Mark(stray, keys.Read), "")
			v.plant(v.names.Mark(stray, keys.Quarantine), "")
		}, action: voicemail.ActionRemoved, other: true, at: day},
		{kind: voicemail.FoundEntryOrphaned, why: "it leads to nothing, and is a keyed hash of a number", plant: func(v *victim) {
			v.plant(v.names.CallerEntry(v.hash(national), stray), "")
		}, action: voicemail.ActionRemoved, other: true, at: day},
		{kind: voicemail.FoundEntryMisleading, why: "a request of one caller would erase what another one said", plant: func(v *victim) {
			v.plant(v.names.CallerEntry(v.hash("+15550000"), v.ref), "")
		}, action: voicemail.ActionRemoved, at: day, mended: back},
		{kind: voicemail.FoundAudioOrphaned, why: "a recording that nobody knows of is erased by nobody", plant: func(v *victim) {
			v.plant(v.names.Audio(stray, "wav"), "left")
		}, action: voicemail.ActionRemoved, other: true, region: "main", at: day},
		{kind: voicemail.FoundAudioOrphaned, why: "beside a message lies what another attempt left", plant: func(v *victim) {
			v.plant(v.names.Audio(v.ref, "mp3"), "left")
		}, action: voicemail.ActionRemoved, region: "main", at: day, mended: back},
		{kind: voicemail.FoundPartOrphaned, why: "a transcript says what the recording said", plant: func(v *victim) {
			v.plant(v.names.Audio(stray, "transcript-001.txt"), "left")
		}, action: voicemail.ActionRemoved, other: true, region: "main", at: day},
		{kind: voicemail.FoundSettingsUnreadable, why: "nobody can deposit any more", plant: func(v *victim) {
			v.plant(v.names.SettingsAt(keys.Revision{Gen: 1, Rev: 1}), "{")
		}, action: voicemail.ActionRestored, other: true, mended: settings(voicemail.Settings{Owner: voicemail.User("agent7"), MaxMessages: 9})},
		{kind: voicemail.FoundSettingsUnreadable, why: "whose mailbox it is must not be guessed", plant: func(v *victim) {
			v.instead(v.names.SettingsAt(keys.Revision{Gen: 1}), "")
			v.removeRaw(v.ownerNames()...)
		}, action: voicemail.ActionRestored, other: true, mended: settings(voicemail.Settings{Disabled: true})},
		{kind: voicemail.FoundSettingsUnreadable, why: "nobody of the tenant can deposit any more", plant: func(v *victim) {
			_, err := v.svc.UpdateSettings(v.ctx, func(s *voicemail.TenantSettings) error { s.AccessNumber = "77"; return nil })
			require.NoError(v, err)
			v.plant(v.space.TenantAt(keys.Revision{Gen: 1, Rev: 2}), "{")
		}, action: voicemail.ActionRestored, tenant: true, mended: func(v *victim) {
			got, err := v.open(german).Settings(v.ctx)
			require.NoError(v, err)
			require.Equal(v, "77", got.AccessNumber)
			v.deposit(v.box, nil)
		}},
		{kind: voicemail.FoundSettingsUnreadable, why: "what was in force is not known, and nothing may go by a guess", plant: func(v *victim) {
			v.plant(v.space.TenantAt(keys.Revision{Gen: 1, Rev: 1}), strings.Repeat(" ", 1<<17))
		}, action: voicemail.ActionRestored, tenant: true, mended: func(v *victim) { v.deposit(v.box, nil) }},
		{kind: voicemail.FoundSettingsUnreadable, why: "the next user of the extension must not get the last one's mailbox", plant: func(v *victim) {
			v.plant(v.names.SettingsAt(keys.Revision{Gen: 3}), "{")
			v.removeRaw(v.ownerNames()...)
		}, action: voicemail.ActionRestored, other: true, mended: settings(voicemail.Settings{Disabled: true})},
		{kind: voicemail.FoundSettingsMissing, why: "the messages are there, and no mailbox shows them", plant: func(v *victim) {
			v.removeRaw(v.names.SettingsAt(keys.Revision{Gen: 1}))
			v.removeRaw(v.ownerNames()...)
		}, action: voicemail.ActionRestored, other: true, mended: settings(voicemail.Settings{Disabled: true})},
		{kind: voicemail.FoundSettingsMissing, why: "its greetings and its PIN must be its own again", plant: func(v *victim) {
			v.plant(v.names.AccessAt(keys.Access{Kind: keys.PIN, Gen: 3, Rev: 1}), "{}")
			v.removeRaw(v.names.SettingsAt(keys.Revision{Gen: 1}))
			v.removeRaw(v.ownerNames()...)
		}, action: voicemail.ActionRestored, other: true, mended: func(v *victim) {
			require.True(v, v.exists(v.names.SettingsAt(keys.Revision{Gen: 3})))
		}},
		{kind: voicemail.FoundOwnerMissing, why: "the agent's desktop has no lamp for it", plant: func(v *victim) { v.removeRaw(v.ownerNames()...) }, action: voicemail.ActionRestored, other: true, mended: func(v *victim) {
			require.Equal(v, []voicemail.MailboxID{"5001"}, v.of("agent7"))
		}},
		{kind: voicemail.FoundOwnerStale, why: "every board of the owner looks at it in vain", plant: func(v *victim) {
			folder, err := v.space.Owner("user", "agent8")
			require.NoError(v, err)
			v.plant(v.names.OwnerEntry(folder, keys.Revision{Gen: 1}), "")
			_, err = v.box.UpdateSettings(v.ctx, func(*voicemail.Settings) error { return nil })
			require.NoError(v, err)
		}, action: voicemail.ActionRemoved, other: true, at: day},
		{kind: voicemail.FoundOwnerStale, why: "the deletion of the mailbox was cut off", plant: func(v *victim) {
			folder, err := v.space.Owner("user", "agent8")
			require.NoError(v, err)
			v.mailboxWith("5003", &voicemail.Settings{Owner: voicemail.User("agent8")})
			require.NoError(v, v.svc.DeleteMailbox(v.ctx, "5003"))
			v.plant(v.keysOf("5003").OwnerEntry(folder, keys.Revision{Gen: 1}), "")
		}, action: voicemail.ActionRemoved, other: true, in: "5003", at: day},
	}
}

// ownerNames are the entries of the mailbox's owner.
func (v *victim) ownerNames() []string { return v.env.names(v.space.Owners()) }

func damageRules() []rule {
	var rules []rule
	count := map[voicemail.FindingKind]int{}
	for _, d := range damages() {
		count[d.kind]++
		name := fmt.Sprintf("CheckFindsAndRepairMends/%s-%d", d.kind, count[d.kind])
		rules = append(rules, rule{name, d.why, d.check})
	}
	return rules
}

func (d damage) check(e *env) {
	v := newVictim(e)
	all := &voicemail.CheckOptions{Audio: voicemail.AudioDigest}
	require.Empty(e, e.findings(e.svc.Check(e.ctx, all)), "nothing is wrong yet")
	d.plant(v)
	if d.at > 0 {
		e.pass(d.at - 10*time.Minute)
		planted := e.tenantNames()
		require.Empty(e, e.findings(e.svc.Repair(e.ctx, all)), "it may be somebody's work under way")
		require.Equal(e, planted, e.tenantNames())
		e.pass(20 * time.Minute)
	}
	e.svc = e.open(german) // nothing of it in a cache
	want := voicemail.Finding{Kind: d.kind, Mailbox: "5001", Message: v.msg.ID(), Region: d.region}
	if d.other {
		want.Message = ""
	}
	if d.in != "" {
		want.Mailbox = d.in
	}
	if d.tenant {
		want.Message, want.Mailbox = "", ""
	}
	one := func(fs []voicemail.Finding) voicemail.Finding {
		e.Helper()
		require.Len(e, fs, 1)
		if d.other {
			fs[0].Message = ""
		}
		require.NotContains(e, fs[0].String(), national)
		fs[0].Err = nil
		return fs[0]
	}
	before, content := e.tenantNames(), e.content()
	require.Equal(e, want, one(e.findings(e.svc.Check(e.ctx, all))))
	require.Equal(e, before, e.tenantNames(), "Check changes nothing")
	require.Equal(e, content, e.content())
	want.Action = d.action
	require.Equal(e, want, one(e.findings(e.svc.Repair(e.ctx, all))))
	mended := e.tenantNames()
	require.Empty(e, e.findings(e.svc.Check(e.ctx, all)), "it is mended")
	require.Empty(e, e.findings(e.svc.Repair(e.ctx, all)))
	require.Equal(e, mended, e.tenantNames(), "and is not mended twice")
	for _, name := range before {
		if !strings.Contains(name, v.ref.ID) && d.action != voicemail.ActionRemoved {
			require.Contains(e, mended, name, "nothing else is touched")
		}
	}
	e.svc = e.open(german)
	if d.mended != nil {
		d.mended(v)
	}
	require.Equal(e, v.beside.Envelope().SHA256, e.again(v.beside).Envelope().SHA256)
	require.NotEmpty(e, e.play(e.again(v.beside)))
}

// findings are all that a pass yields, without an error.
func (e *env) findings(seq func(func(voicemail.Finding, error) bool)) []voicemail.Finding {
	e.Helper()
	list := []voicemail.Finding{}
	for f, err := range seq {
		require.NoError(e, err)
		list = append(list, f)
	}
	return list
}

// content is all bytes of the tenant, by name.
func (e *env) content() map[string]string {
	e.Helper()
	all := map[string]string{}
	for _, name := range e.tenantNames() {
		all[name] = string(bytes.Clone(e.readRaw(name)))
	}
	return all
}
