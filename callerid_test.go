package voicemail_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// kindOf is what a caller is to whoever looks for messages.
func kindOf(c voicemail.CallerID) string {
	switch {
	case c.Withheld():
		return "withheld"
	case c.IsNumber():
		return "number"
	}
	return "opaque"
}

// The rules of a version are frozen: a row that has to be changed means a new CallerIDVersion, and both forms in the index.
func TestVersion1OfTheCallerRules(t *testing.T) {
	require.Equal(t, 1, voicemail.CallerIDVersion)
	const num, opq, non = "number", "opaque", "withheld"
	for _, row := range []struct{ in, kind, canonical, name, why string }{
		// Numbers.
		{"+15551234567", num, "+15551234567", "", "E.164"},
		{"15551234567", num, "15551234567", "", "no + is not guessed to be of any country"},
		{"5551234567", num, "5551234567", "", "national"},
		{"0555123456", num, "0555123456", "", "a trunk 0 is kept"},
		{"5001", num, "5001", "", "an extension"},
		{"1", num, "1", "", "one digit"},
		{"911", num, "911", "", "a short number"},
		{"+1 555 123 4567", num, "+15551234567", "", "spaces"},
		{"+1 (555) 123-4567", num, "+15551234567", "", "brackets and hyphens"},
		{"555.123.4567", num, "5551234567", "", "dots"},
		{"555/1234567", num, "5551234567", "", "a slash"},
		{"+1\t555\t1234567", num, "+15551234567", "", "tabs"},
		{"  +15551234567\r\n", num, "+15551234567", "", "surrounding space"},
		{"+ 1 555 123 4567", num, "+15551234567", "", "space behind the +"},
		{"0015551234567", num, "+15551234567", "", "00 for +"},
		{"00 1 555 1234567", num, "+15551234567", "", "00 for +, with spaces"},
		{"0055512345", num, "+55512345", "", "00 before exactly eight digits"},
		{"005551234", num, "005551234", "", "00 before seven digits is part of the number"},
		{"+0015551234567", num, "+0015551234567", "", "00 behind + is kept"},
		{"01115551234567", num, "01115551234567", "", "011 is a country's own exit code: left to Normalize"},
		{"12345678901234567890123456789012", num, "12345678901234567890123456789012", "", "32 digits"},
		{"123456789012345678901234567890123", opq, "123456789012345678901234567890123", "", "33 digits are no number"},
		{"5555551", num, "5555551", "", "not one digit only"},
		{"555555", num, "555555", "", "one digit six times may be an extension"},

		// tel: URIs (RFC 3966).
		{"tel:+15551234567", num, "+15551234567", "", "tel:"},
		{"TEL:+1-555-123-4567", num, "+15551234567", "", "upper case, separators"},
		{"tel:+15551234567;ext=12", num, "+15551234567", "", "parameters are dropped"},
		{"tel:5551234;phone-context=+1", num, "5551234", "", "also the context"},
		{"<tel:+15551234567>", num, "+15551234567", "", "in angle brackets"},
		{"tel:", non, "", "", "nothing"},
		{"tel:anonymous", non, "", "", "a word"},
		{"tel:Front-Desk", opq, "tel:front-desk", "", "no number; keeps its scheme, so that it means the same read again"},
		{"tel:tel:x", opq, "tel:tel:x", "", "likewise"},

		// SIP URIs (RFC 3261).
		{"sip:+15551234567@pbx.test", num, "+15551234567", "", "+ says that the user is a number"},
		{"sip:+1-555-123-4567@pbx.test", num, "+15551234567", "", "with separators"},
		{"sip:5551234567@pbx.test;user=phone", num, "5551234567", "", "user=phone says so"},
		{"SIP:5551234567@PBX.TEST;User=Phone", num, "5551234567", "", "in any case"},
		{"sip:5551234567@pbx.test;transport=udp;user=phone?subject=x", num, "5551234567", "", "among others"},
		{"sip:0015551234567@pbx.test;user=phone", num, "+15551234567", "", "00 for +"},
		{"sip:+15551234567;npdi;rn=+15550000001@pbx.test", num, "+15551234567", "", "parameters of the number are dropped"},
		{"sip:+15551234567:secret@pbx.test", num, "+15551234567", "", "a password is dropped"},
		{"sips:+15551234567@pbx.test:5061", num, "+15551234567", "", "sips:"},
		{"sip:5551234567@pbx.test", num, "5551234567", "", "as trunks deliver it"},
		{"sip:%2B15551234567@pbx.test", num, "+15551234567", "", "an escaped +"},
		{"sip:555123@pbx.test", opq, "sip:555123@pbx.test", "", "an extension of that switch"},
		{"sip:555123@pbx.test;user=phone", num, "555123", "", "user=phone says so"},
		{"sip:alice@pbx.test", opq, "sip:alice@pbx.test", "", "an address"},
		{"sip:Alice@PBX.test:5060;transport=tcp", opq, "sip:alice@pbx.test", "", "lower case, without port and parameters"},
		{"sip:alice:secret@pbx.test", opq, "sip:alice@pbx.test", "", "without password"},
		{"sip:alice@pbx.test?subject=x", opq, "sip:alice@pbx.test", "", "without headers"},
		{"sip:a?b@pbx.test", opq, "sip:a?b@pbx.test", "", "a ? is legal in a user"},
		{"sips:alice@pbx.test", opq, "sips:alice@pbx.test", "", "another scheme, another identity"},
		{"sip:alice@[2001:db8::1]:5060", opq, "sip:alice@[2001:db8::1]", "", "IPv6 with a port"},
		{"sip:alice@[2001:db8::1]", opq, "sip:alice@[2001:db8::1]", "", "IPv6 without"},
		{"sip:alice@2001:db8::1", opq, "sip:alice@2001:db8::1", "", "what is no port is kept"},
		{"sip:alice@pbx.test:1:2", opq, "sip:alice@pbx.test:1:2", "", "likewise"},
		{"sip:alice@pbx.test ;x=y", opq, "sip:alice@pbx.test", "", "space before parameters"},
		{"sip:pbx.test", opq, "sip:pbx.test", "", "a host alone"},
		{"sip:pbx.test:5060", opq, "sip:pbx.test", "", "a host alone, with port"},
		{"sip:+1555abc@pbx.test", opq, "sip:+1555abc@pbx.test", "", "no number"},
		{"sip:anonymous@anonymous.invalid", non, "", "", "RFC 3323"},
		{"sip:thisis@anonymous.invalid", non, "", "", "the host alone says it"},
		{"sip:thisis@anonymous.invalid:5060", non, "", "", "with port"},
		{"sip:thisis@anonymous.invalid.test", opq, "sip:thisis@anonymous.invalid.test", "", "another host"},
		{"sip:Anonymous@192.0.2.1", non, "", "", "as the user"},
		{"sip:unavailable@pbx.test", non, "", "", "as the user"},
		{"sip:unknown@unknown.invalid", non, "", "", "as the user"},
		{"sip:restricted@pbx.test;user=phone", non, "", "", "as the user"},
		{"sip:@pbx.test", non, "", "", "no user"},
		{"sip:anonymous.invalid", non, "", "", "no user"},
		{"sip:anonymous", non, "", "", "no host"},
		{"sip:", non, "", "", "nothing"},
		{"sip:00000000@pbx.test;user=phone", non, "", "", "zeros"},
		{"sip:+266696687@pbx.test", non, "", "", "ANONYMOUS on a keypad"},

		// Display names.
		{`"Ann Example" <+15551234567>`, num, "+15551234567", "Ann Example", "quoted"},
		{`Ann Example <+15551234567>`, num, "+15551234567", "Ann Example", "not quoted"},
		{`"Example, Ann" <sip:+15551234567@pbx.test>;tag=1928`, num, "+15551234567", "Example, Ann", "header parameters are dropped"},
		{`"Ann \"A\" \\ Example" <5551234567>`, num, "5551234567", `Ann "A" \ Example`, "escapes"},
		{`"A <3 B" <5551234567>`, num, "5551234567", "A <3 B", "an angle bracket in the name"},
		{`"" <5551234567>`, num, "5551234567", "", "an empty name"},
		{`"Zoë Exämple" <sip:zoe@pbx.test>`, opq, "sip:zoe@pbx.test", "Zoë Exämple", "UTF-8"},
		{`<5551234567>`, num, "5551234567", "", "no name"},
		{`< 5551234567 >`, num, "5551234567", "", "space inside"},
		{`<5551234567`, num, "5551234567", "", "not closed"},
		{`"Anonymous" <sip:anonymous@anonymous.invalid>`, non, "", "Anonymous", "the name is kept apart"},
		{`"Ann Example" <>`, non, "", "Ann Example", "a name and no identity"},

		// Nobody.
		{"", non, "", "", "nothing"},
		{" \t", non, "", "", "nothing but space"},
		{"anonymous", non, "", "", "a word"},
		{"Anonymous", non, "", "", "a word"},
		{"PRIVATE", non, "", "", "a word"},
		{"restricted", non, "", "", "a word"},
		{"Unavailable", non, "", "", "a word"},
		{"unknown", non, "", "", "a word"},
		{"withheld", non, "", "", "a word"},
		{"blocked", non, "", "", "a word"},
		{" Unknown ", non, "", "", "a word with space"},
		{"anonymous;tag=1", non, "", "", "a word with parameters"},
		{"anonymous@anonymous.invalid", non, "", "", "without scheme"},
		{"0", non, "", "", "zero"},
		{"0000000000", non, "", "", "zeros"},
		{"+0000000000", non, "", "", "zeros"},
		{"1111111", non, "", "", "one digit seven times"},
		{"+9999999999", non, "", "", "one digit"},
		{"266696687", non, "", "", "ANONYMOUS on a keypad"},
		{"+266696687", non, "", "", "with +"},
		{"00266696687", non, "", "", "with 00"},
		{"8656696", non, "", "", "UNKNOWN on a keypad"},
		{"7378742833", non, "", "", "RESTRICTED on a keypad"},
		{"tel:7378742833", non, "", "", "in a URI"},

		// What is no number is an identity of its own.
		{"1-800-EXAMPLE", opq, "1-800-example", "", "letters"},
		{"*67 555 123 4567", opq, "*67 555 123 4567", "", "a feature code is not part of a number, and is not cut off"},
		{"++15551234567", opq, "++15551234567", "", "two plus signs"},
		{"1+5551234567", opq, "1+5551234567", "", "a plus sign inside"},
		{"+15551234567x12", opq, "+15551234567x12", "", "an extension by letter"},
		{"+15551234567;ext=12", num, "+15551234567", "", "parameters without a scheme"},
		{"+", opq, "+", "", "no digits"},
		{"alice", opq, "alice", "", "a name"},
		{"sip", opq, "sip", "", "no scheme without a colon"},
		{"alice@pbx.test", opq, "alice@pbx.test", "", "an address without scheme"},
		{"h323:alice@pbx.test", opq, "h323:alice@pbx.test", "", "another scheme"},
		{"urn:uuid:0192", opq, "urn:uuid:0192", "", "another scheme"},
		{"ÄRGER", opq, "Ärger", "", "A-Z only: other letters have no one lower case"},
		{"caf\xe9", opq, "caf\uFFFD", "", "no UTF-8"},
		{"+1５551234567", opq, "+1５551234567", "", "digits of other scripts are none"},
		{"REDACTED", opq, "redacted", "", "only UnmarshalText knows the word"},
	} {
		c := voicemail.ParseCallerID(row.in)
		assert.Equal(t, row.kind, kindOf(c), "%q: %s", row.in, row.why)
		assert.Equal(t, row.canonical, c.Reveal(), "%q: %s", row.in, row.why)
		assert.Equal(t, row.name, c.RevealName(), "%q: %s", row.in, row.why)
		checkCanonical(t, row.in)
	}
}

var numberForm = regexp.MustCompile(`^\+?[0-9]{1,32}$`)

// checkCanonical checks what holds of every caller.
func checkCanonical(t *testing.T, in string) {
	t.Helper()
	c := voicemail.ParseCallerID(in)
	assert.True(t, utf8.ValidString(c.Reveal()), "%q", in)
	assert.True(t, utf8.ValidString(c.RevealName()), "%q", in)
	if c.Withheld() {
		assert.Empty(t, c.Reveal(), "%q", in)
		assert.False(t, c.IsNumber(), "%q", in)
		assert.False(t, c.Equal(voicemail.ParseCallerID(in)), "%q: nobody is nobody's equal", in)
		return
	}
	again := voicemail.ParseCallerID(c.Reveal())
	assert.Equal(t, c.Reveal(), again.Reveal(), "%q: the canonical form is read back as itself", in)
	assert.Equal(t, kindOf(c), kindOf(again), "%q", in)
	assert.True(t, again.Equal(c) && c.Equal(again), "%q", in)
	assert.Equal(t, c.IsNumber(), numberForm.MatchString(c.Reveal()), "%q", in)
	assert.LessOrEqual(t, len(c.Reveal()), len(strings.ToValidUTF8(in, "\uFFFD")), "%q", in)
	if !strings.Contains(c.Reveal(), ">") {
		assert.True(t, voicemail.ParseCallerID("\"A\" <"+c.Reveal()+">").Equal(c), "%q", in)
	}
}

func FuzzParseCallerID(f *testing.F) {
	for _, s := range []string{
		"+1 555 123 4567", `"Ann" <sip:+15551234567@pbx.test;user=phone>`, "tel:tel:sip:a@b:5060", "sip:pbx.test", "sip:a@b:1:2", "sip:a@b ;x",
		"anonymous", "sip:anonymous.invalid", "tel:anonymous@x", "caf\xe9", "<", "\"<\">", "sip:@", "tel:;",
	} {
		f.Add(s)
	}
	f.Fuzz(checkCanonical)
}

func TestTheZeroCallerIsWithheld(t *testing.T) {
	var c voicemail.CallerID
	assert.True(t, c.Withheld())
	assert.False(t, c.IsNumber())
	assert.Empty(t, c.Reveal())
	assert.Empty(t, c.RevealName())
	assert.False(t, c.Equal(voicemail.CallerID{}))
}

func TestCallersAreEqualByIdentityAlone(t *testing.T) {
	a := voicemail.ParseCallerID(`"Ann Example" <+1 555 123 4567>`)
	assert.True(t, a.Equal(voicemail.ParseCallerID("sip:+15551234567@pbx.test")))
	assert.True(t, a.Equal(a.WithName("Somebody Else")))
	assert.False(t, a.Equal(voicemail.ParseCallerID("5551234567")), "without the country it is another number")
	assert.False(t, a.Equal(voicemail.CallerID{}))
}

func TestWithNameKeepsTheIdentityAndLeavesTheCallerAlone(t *testing.T) {
	a := voicemail.ParseCallerID("+15551234567")
	b := a.WithName("Ann \xff")
	assert.Equal(t, "+15551234567", b.Reveal())
	assert.True(t, b.IsNumber())
	assert.Equal(t, "Ann \uFFFD", b.RevealName())
	assert.Empty(t, a.RevealName())
	nobody := voicemail.CallerID{}.WithName("Ann")
	assert.True(t, nobody.Withheld())
	assert.Equal(t, "Ann", nobody.RevealName())
}

func TestUnmarshalTextParsesAndRefusesWhatWasRedacted(t *testing.T) {
	var c voicemail.CallerID
	require.NoError(t, json.Unmarshal([]byte(`"tel:+1-555-123-4567"`), &c))
	assert.Equal(t, "+15551234567", c.Reveal())
	for _, text := range []string{"REDACTED", "redacted", " Redacted "} {
		assert.Error(t, c.UnmarshalText([]byte(text)), text)
		assert.Equal(t, "+15551234567", c.Reveal(), "an error leaves the caller alone")
	}
	doc, err := json.Marshal(c)
	require.NoError(t, err)
	assert.Error(t, json.Unmarshal(doc, &c), "what was redacted once is gone")
}
