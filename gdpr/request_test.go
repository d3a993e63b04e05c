package gdpr

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

func revealed(phones []Phone) []string {
	texts := []string{}
	for _, p := range phones {
		texts = append(texts, p.Reveal())
	}
	return texts
}

func TestRequestsOfTheProductAreRead(t *testing.T) {
	type want struct {
		caseID, ccid string
		consumers    [][]string
		phones       []string
		since, until time.Time
	}
	for name, w := range map[string]want{
		"product.json": {
			caseID: "123456789", ccid: "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d",
			consumers: [][]string{{"555551212"}, {"555556161", "555556162"}},
			phones:    []string{"555551212", "555556161", "555556162"},
		},
		"objects.json": {
			caseID:    "case 12/2031",
			consumers: [][]string{{"555551212", "+1 555 555 1213"}, {"0049 30 1234567"}},
			phones:    []string{"555551212", "+1 555 555 1213", "0049 30 1234567"},
			since:     time.Date(2030, 12, 31, 23, 0, 0, 0, time.UTC), until: time.Date(2031, 2, 1, 0, 0, 0, 0, time.UTC),
		},
		"mixed.json": {
			caseID:    "Überprüfung-7",
			consumers: [][]string{{"555551212", "555551213"}, {"anonymous", "", "555551212"}, {}},
			phones:    []string{"555551212", "555551213", "anonymous", ""},
		},
	} {
		doc, err := os.ReadFile(filepath.Join("testdata", "request", name))
		require.NoError(t, err)
		for form, doc := range map[string][]byte{
			"as it is": doc, "with a byte order mark": append([]byte("\uFEFF"), doc...), "with the line ends of Windows": bytes.ReplaceAll(doc, []byte("\n"), []byte("\r\n")),
		} {
			r, err := ParseRequest(iotest.OneByteReader(bytes.NewReader(doc)))
			require.NoError(t, err, "%s %s", name, form)
			got := want{caseID: r.CaseID, ccid: r.CCID, phones: revealed(r.phones()), since: r.Since, until: r.Until}
			for _, c := range r.Consumers {
				got.consumers = append(got.consumers, revealed(c.Phones))
			}
			assert.Equal(t, w, got, "%s %s", name, form)
			assert.NotContains(t, fmt.Sprintf("%+v", r), "Archer", "a name is dropped")
			r.Actor = "jane"
			assert.NoError(t, r.check(), name)
		}
	}
}

func consumersDoc(consumers string) string {
	return `{"caseid":"c1","consumers":[` + consumers + `]}`
}

func TestARequestThatCouldMeanSomethingElseIsRefused(t *testing.T) {
	const phone = `{"consumer":[{"phone":"` + secretNumber + `"}]}`
	top := func(members string) string { return `{` + members + `,"consumers":[` + phone + `]}` }
	for _, row := range []struct{ doc, field, problem, why string }{
		{``, "document", "is not JSON", "nothing at all"},
		{`null`, "document", "must be an object", "no object"},
		{`[` + phone + `]`, "document", "must be an object", "a list"},
		{consumersDoc(phone) + ` x`, "document", "is not JSON", "garbage behind it"},
		{consumersDoc(phone) + consumersDoc(phone), "document", "is not JSON", "two documents"},
		{"{\n\"caseid\": \"c\",\n  \"consumers\": " + secretDigits + "x}", "document", "at line 3, byte 26", "the place is named, what stands there is not"},
		{consumersDoc(phone)[:40], "document", "is not JSON", "cut off"},
		{"{\"caseid\":\"\xff\",\"consumers\":[" + phone + "]}", "document", "is not UTF-8", "Latin-1"},
		{"\xff\xfe{\x00}\x00", "document", "is not UTF-8", "UTF-16"},
		{strings.Repeat(" ", maxRequestSize) + consumersDoc(phone), "document", "is longer than 1 MiB", "too long"},
		{`{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "document", "is not JSON", "too deep"},

		{`{"consumers":[` + phone + `]}`, "caseid", "is missing", "no case"},
		{top(`"caseid":""`), "caseid", "is missing", "an empty one"},
		{top(`"caseid":null`), "caseid", "must be a string", "null"},
		{top(`"caseid":123456789`), "caseid", "is a JSON number", "007 would be 7"},
		{top(`"caseid":["c"]`), "caseid", "must be a string", "a list"},
		{top(`"caseid":"` + strings.Repeat("c", maxText+1) + `"`), "caseid", "is longer", "too long"},
		{top(`"caseid":"a\nb"`), "caseid", "printed", "a line break forges a line of a report"},
		{top(`"caseid":"a\u202eb"`), "caseid", "printed", "an override of the writing direction"},
		{top(`"caseid":"c1 "`), "caseid", "has space around it", "nobody would see why an undo does not find it"},
		{top(`"caseid":"a","caseid":"b"`), "caseid", "is there twice", "which one?"},
		{top(`"caseid":"a","caseid":"a"`), "caseid", "is there twice", "the same twice is refused, too: no value is compared"},
		{top(`"caseId":"a"`), "caseid", "is written in capitals", "another key, silently missed"},
		{top(`"caseid":"` + secretNumber + `"`), "caseid", "one of the request's phones", "receipts keep the case ID"},
		{top(`"caseid":"00` + "1" + secretDigits + `"`), "caseid", "one of the request's phones", "the same number in another form"},
		{top(`"caseid":"case 1-555-123-4567"`), "caseid", "one of the request's phones", "the same digits"},
		{top(`"caseid":"forget-1` + secretDigits + `-2031"`), "caseid", "one of the request's phones", "it has the number in it"},
		{top(`"caseid":"` + secretDigits + `"`), "caseid", "one of the request's phones", "its national form"},
		{`{"caseid":"Alice","consumers":[{"consumer":{"phone":"alice"}}]}`, "caseid", "one of the request's phones", "a short identity that is no number"},
		{`{"caseid":"ext. 4711","consumers":[{"consumer":{"phone":"4711"}}]}`, "caseid", "one of the request's phones", "a short one beside a word"},
		{`{"caseid":"for Ann@PBX.test","consumers":[{"consumer":{"phone":"sip:ann@pbx.test"}}]}`, "caseid", "one of the request's phones", "an identity that is no number"},

		{top(`"caseid":"c","ccid":7`), "ccid", "is a JSON number", "a number"},
		{top(`"caseid":"c","ccid":"a\tb"`), "ccid", "printed", "control characters"},
		{top(`"caseid":"c","since":1924992000`), "since", "is not a time", "seconds"},
		{top(`"caseid":"c","since":"2031-01-01"`), "since", "is not a time", "a day, but where?"},
		{top(`"caseid":"c","until":"2031-01-01T00:00:00"`), "until", "is not a time", "no offset"},
		{top(`"caseid":"c","until":"0001-01-01T00:00:00Z"`), "until", "is not a time", "the zero time would be no bound"},
		{top(`"caseid":"c","since":"2031-01-01T00:00:00Z","until":"2031-01-01T00:00:00Z"`), "until", "is not after since", "nothing is in it"},

		{`{"caseid":"c"}`, "consumers", "are missing", "nobody"},
		{`{"caseid":"c","consumers":[]}`, "consumers", "are missing", "nobody"},
		{`{"caseid":"c","consumers":{"consumer":{"phone":"` + secretNumber + `"}}}`, "consumers", "must be a list", "an object"},
		{`{"caseid":"c","consumers":null}`, "consumers", "must be a list", "null"},
		{`{"caseid":"c","Consumers":[` + phone + `]}`, "consumers", "is written in capitals", "another key"},
		{consumersDoc(`"` + secretNumber + `"`), "consumers[0]", "must be an object", "a bare number"},
		{consumersDoc(phone + `,{"phone":"` + secretNumber + `"}`), "consumers[1].consumer", "is missing", "would be ignored"},
		{consumersDoc(phone + `,{"consumer":null}`), "consumers[1].consumer", "must be an object", "null"},
		{consumersDoc(`{"consumer":[],"consumer":[]}`), "consumers[0].consumer", "is there twice", "which one?"},
		{consumersDoc(`{"consumer":[]},{"consumer":{"email":["` + secretNumber + `"]}}`), "consumers", "have no phone", "nothing can be found"},
		{consumersDoc(`{"consumer":["` + secretNumber + `"]}`), "consumers[0].consumer[0]", "must be an object", "a phone, or a name?"},
		{consumersDoc(`{"consumer":[{"Phone":"` + secretNumber + `"}]}`), "consumers[0].consumer[0].phone", "is written in capitals", "would be ignored"},
		{consumersDoc(`{"consumer":{"phone":"` + secretNumber + `","phone":"1"}}`), "consumers[0].consumer.phone", "is there twice", "one would be lost"},
		{consumersDoc(`{"consumer":[{"name":"A"},{"phone":` + secretDigits + `}]}`), "consumers[0].consumer[1].phone", "leading zeros and a + are lost", "a JSON number"},
		{consumersDoc(`{"consumer":{"phone":["1",-` + secretDigits + `]}}`), "consumers[0].consumer.phone[1]", "leading zeros and a + are lost", "a negative one, in a list"},
		{consumersDoc(`{"consumer":{"phone":null}}`), "consumers[0].consumer.phone", "must be a string", "null"},
		{consumersDoc(`{"consumer":{"phone":{"number":"` + secretNumber + `"}}}`), "consumers[0].consumer.phone", "must be a string", "an object"},
		{consumersDoc(`{"consumer":{"phone":[["` + secretNumber + `"]]}}`), "consumers[0].consumer.phone[0]", "must be a string", "a list in a list"},
		{consumersDoc(`{"consumer":{"phone":" redacted"}}`), "consumers[0].consumer.phone", "is redacted", "copied from a log"},
		{consumersDoc(`{"consumer":{"phone":"` + strings.Repeat("5", voicemail.MaxCallerID+1) + `"}}`), "consumers[0].consumer.phone", "is longer than 256 bytes", "too long"},
		{consumersDoc(strings.Repeat(phone+",", maxConsumers) + phone), "consumers", "are more than 100", "too many"},
		{consumersDoc(`{"consumer":{"phone":[` + strings.Repeat(`"`+secretNumber+`",`, maxPhones) + `"1"]}}`), "consumers", "more than 1,000 phones", "too many, though the same"},
	} {
		_, err := ParseRequest(strings.NewReader(row.doc))
		var e *RequestError
		require.ErrorAs(t, err, &e, row.why)
		assert.Equal(t, row.field, e.Field, "%s: %v", row.why, err)
		assert.Contains(t, e.Problem, row.problem, row.why)
		assert.ErrorIs(t, err, voicemail.ErrInvalid, row.why)
		assert.False(t, leaks(err.Error()), "%s: %v", row.why, err)
	}
}

func TestTheLimitsOfARequestCanBeReached(t *testing.T) {
	var consumers []string
	for i := range maxConsumers {
		var phones []string
		for k := range maxPhones / maxConsumers {
			phones = append(phones, fmt.Sprintf(`"+1555%07d"`, i*1000+k))
		}
		consumers = append(consumers, `{"consumer":{"phone":[`+strings.Join(phones, ",")+`]}}`)
	}
	doc := `{"caseid":"` + strings.Repeat("c", maxText) + `","consumers":[` + strings.Join(consumers, ",") + `]}`
	r, err := ParseRequest(strings.NewReader(doc + strings.Repeat(" ", maxRequestSize-len(doc))))
	require.NoError(t, err)
	assert.Len(t, r.phones(), maxPhones)
}

func TestAnErrorOfTheReaderIsReturned(t *testing.T) {
	broken := errors.New("connection lost")
	_, err := ParseRequest(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	assert.NotErrorIs(t, err, voicemail.ErrInvalid)
}

func TestARequestMadeInGoHasTheSameRules(t *testing.T) {
	whole := func() *Request {
		return &Request{CaseID: "c1", Actor: "Jané Doe <jane>", Consumers: []Consumer{{Phones: []Phone{NewPhone(secretNumber)}}, {}}}
	}
	require.NoError(t, whole().check())
	var many []Phone
	for i := range maxPhones + 1 {
		many = append(many, NewPhone(fmt.Sprint(i)))
	}
	at := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for why, row := range map[string]struct {
		change func(r *Request)
		field  string
	}{
		"no case":                  {func(r *Request) { r.CaseID = "" }, "CaseID"},
		"a case that is a phone":   {func(r *Request) { r.CaseID = "1 " + secretDigits }, "CaseID"},
		"a broken contact center":  {func(r *Request) { r.CCID = "\x00" }, "CCID"},
		"nobody who asks":          {func(r *Request) { r.Actor = "" }, "Actor"},
		"an actor of no text":      {func(r *Request) { r.Actor = "a\x1bb" }, "Actor"},
		"an actor of no UTF-8":     {func(r *Request) { r.Actor = "a\xff" }, "Actor"},
		"an actor too long":        {func(r *Request) { r.Actor = strings.Repeat("a", maxText+1) }, "Actor"},
		"the person as the actor":  {func(r *Request) { r.Actor = secretNumber }, "Actor"},
		"the person beside a word": {func(r *Request) { r.Actor = "caller " + secretDigits }, "Actor"},
		"no consumer":              {func(r *Request) { r.Consumers = nil }, "Consumers"},
		"no phone":                 {func(r *Request) { r.Consumers = make([]Consumer, 2) }, "Consumers"},
		"too many consumers":       {func(r *Request) { r.Consumers = append(r.Consumers, make([]Consumer, maxConsumers)...) }, "Consumers"},
		"too many phones":          {func(r *Request) { r.Consumers[1].Phones = many }, "Consumers"},
		"a redacted phone":         {func(r *Request) { r.Consumers[1].Phones = []Phone{{}, NewPhone(redacted)} }, "Consumers[1].Phones[1]"},
		"a phone of no UTF-8":      {func(r *Request) { r.Consumers[0].Phones[0] = NewPhone("\xff") }, "Consumers[0].Phones[0]"},
		"an end before the start":  {func(r *Request) { r.Since, r.Until = at, at.Add(-1) }, "Until"},
		"an end that is the start": {func(r *Request) { r.Since, r.Until = at, at }, "Until"},
	} {
		r := whole()
		row.change(r)
		err := r.check()
		var e *RequestError
		require.ErrorAs(t, err, &e, why)
		assert.Equal(t, row.field, e.Field, why)
		assert.ErrorIs(t, err, voicemail.ErrInvalid)
		assert.False(t, leaks(err.Error()), why)
	}
	require.ErrorIs(t, (*Request)(nil).check(), voicemail.ErrInvalid)
}

func TestNamesThatOnlyLookLikeAPhoneAreTaken(t *testing.T) {
	for _, row := range []struct{ name, phone, why string }{
		{"123456789", secretNumber, "the product's own example"},
		{"agent7", "71", "a digit of a short one"},
		{"case-7", "sip:ann7@pbx.test", "the digits of an address are no number"},
		{"2031-02", "20310", "some digits of a short one"},
		{"4567", secretNumber, "the last four digits say little"},
		{"c1", "anonymous", "nobody's number"},
		{"anonymous", "anonymous", "nobody's number"},
	} {
		r := &Request{CaseID: row.name, Actor: row.name, Consumers: []Consumer{{Phones: []Phone{NewPhone(row.phone)}}}}
		assert.NoError(t, r.check(), row.why)
	}
}

func TestACallerIsKeptOnceInTheFormThatCameFirst(t *testing.T) {
	r := &Request{Consumers: []Consumer{
		{Phones: []Phone{NewPhone("+1 555 123 4567"), NewPhone("0015551234567"), NewPhone("5551234567")}},
		{Phones: []Phone{NewPhone("tel:+15551234567"), NewPhone("private"), NewPhone("Private"), NewPhone("private"), {}}},
	}}
	assert.Equal(t, []string{"+1 555 123 4567", "5551234567", "private", "Private", ""}, revealed(r.phones()), "no number is guessed to be of a country, and nobody equals nobody")
}

// errorText is all that an error may say: no part of it is of the document.
var errorText = regexp.MustCompile(`^request: (document|caseid|ccid|since|until|consumers(\[\d{1,2}\](\.consumer(\[\d+\])?(\.phone(\[\d+\])?)?)?)?) [a-z][a-zA-Z ,;()'+]*( \d+ bytes| 100; [a-z ]+| 1,000 phones; [a-z ]+| 1 MiB| line \d+, byte \d+|UTF-8| 2031-02-03T00:00:00Z \(RFC 3339\), with its offset)?$`)

func FuzzParseRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/request/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, name := range files {
		doc, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(doc)
	}
	for _, doc := range []string{``, `{}`, `{"caseid":"1","consumers":[{"consumer":[{"phone":1}]}]}`, "\uFEFF{", `{"caseid":"a","Caseid":0}`, `{"since":"2031-02-03T00:00:00Z","until":"x"}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := ParseRequest(bytes.NewReader(doc))
		if err != nil {
			require.ErrorIs(t, err, voicemail.ErrInvalid)
			require.Regexp(t, errorText, err.Error())
			return
		}
		phones := r.phones()
		require.NotEmpty(t, phones)
		require.LessOrEqual(t, len(phones), maxPhones)
		for i, p := range phones {
			for _, o := range phones[:i] {
				require.False(t, p.CallerID().Equal(o.CallerID()), "each caller once")
			}
		}
		r.Actor = "fuzz"
		if !r.reveals(r.Actor) {
			require.NoError(t, r.check(), "what was read can be asked")
		}
	})
}
