package gdpr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/genesys/voicemail"
)

// Limits of a request.
const (
	maxRequestSize = 1 << 20
	maxConsumers   = 100
	maxPhones      = 1000
	maxText        = 128
)

// Request is what a person asks for: which case it is, and whose messages are meant. [ParseRequest] reads one from the product's JSON.
type Request struct {
	// CaseID names the case: 1 to 128 bytes of printable text. It is kept in receipts, so it must not be, or have in it, one of the request's own numbers.
	CaseID string
	// CCID is the contact center that the request is for, if it says so. It chooses nothing here.
	CCID string
	// Consumers are the persons who are meant: 1 to 100, with 1,000 phones together at most.
	Consumers []Consumer
	// Since and Until bound when messages were received: not before Since, before Until. Zero is no bound. Numbers are given to other people.
	Since, Until time.Time
	// Actor is who asks, or on whose behalf: 1 to 128 bytes of printable text, none of the request's own numbers. It is recorded. It is required, and in no JSON:
	// the application knows it from the login.
	Actor string
	// Confirm says that more matches than Options.ConfirmAbove are meant.
	Confirm bool
	// Progress is told how far the operation is, one call at a time. Nil is nobody.
	Progress func(Progress)
}

// Consumer is a person of a request. Only phones match; a consumer without any is possible, and matches nothing.
type Consumer struct {
	Phones []Phone
}

// Progress is how far an operation on a case is.
type Progress struct {
	// Op is the operation, as in the errors of this package.
	Op string
	// CaseID is the case's.
	CaseID string
	// Done and Total count messages. Total grows while more are found.
	Done, Total int
}

// RequestError says what is wrong with a request, and where. It wraps [voicemail.ErrInvalid]. Its text has no number, and nothing else that the request holds.
type RequestError struct {
	// Field is the path of what is wrong: consumers[0].consumer[2].phone in a JSON document, Consumers[0].Phones[2] in a Request, and "document" or "request"
	// for the whole.
	Field string
	// Problem is what is wrong with it, and what to do.
	Problem string
}

// Error returns the field and the problem.
func (e *RequestError) Error() string { return "request: " + e.Field + " " + e.Problem }

// Unwrap returns voicemail.ErrInvalid.
func (e *RequestError) Unwrap() error { return voicemail.ErrInvalid }

// phones returns the phones of all consumers in their order, each caller once, in the form that came first.
func (r *Request) phones() []Phone {
	seen := make(map[string]bool)
	var phones []Phone
	for _, c := range r.Consumers {
		phones = appendPhones(phones, seen, c.Phones...)
	}
	return phones
}

// appendPhones appends the phones whose callers were not seen. A withheld caller equals nobody; of these, each text is kept once.
func appendPhones(phones []Phone, seen map[string]bool, more ...Phone) []Phone {
	for _, p := range more {
		key := "=" + p.CallerID().Reveal()
		if p.CallerID().Withheld() {
			key = p.Reveal()
		}
		if !seen[key] {
			seen[key] = true
			phones = append(phones, p)
		}
	}
	return phones
}

// check returns a *RequestError for the first rule that the request breaks.
func (r *Request) check() error {
	if r == nil {
		return &RequestError{"request", "is missing"}
	}
	total := 0
	for i, c := range r.Consumers {
		for j, p := range c.Phones {
			total++
			if problem := phoneProblem(p); problem != "" {
				return &RequestError{indexed(indexed("Consumers", i)+".Phones", j), problem}
			}
		}
	}
	if total > maxPhones {
		return &RequestError{"Consumers", tooManyPhones}
	}
	if err := r.checkCommon(requestNames{caseID: "CaseID", ccid: "CCID", consumers: "Consumers", since: "Since", until: "Until"}); err != nil {
		return err
	}
	if problem := textProblem(r.Actor); problem != "" {
		return &RequestError{"Actor", problem}
	}
	if r.reveals(r.Actor) {
		return &RequestError{"Actor", "is or has in it one of the request's phones; it is recorded, so it must be another name"}
	}
	return nil
}

// requestNames are the names of the fields where the request comes from.
type requestNames struct{ caseID, ccid, consumers, since, until string }

const (
	tooManyPhones    = "have more than 1,000 phones; make several cases of it"
	tooManyConsumers = "are more than 100; make several cases of it"
)

// checkCommon checks what has the same rules in JSON and in Go.
func (r *Request) checkCommon(n requestNames) error {
	fail := func(field, problem string) error { return &RequestError{field, problem} }
	if problem := textProblem(r.CaseID); problem != "" {
		return fail(n.caseID, problem)
	}
	if r.CCID != "" {
		if problem := textProblem(r.CCID); problem != "" {
			return fail(n.ccid, problem)
		}
	}
	switch {
	case len(r.Consumers) == 0:
		return fail(n.consumers, "are missing; name at least one")
	case len(r.Consumers) > maxConsumers:
		return fail(n.consumers, tooManyConsumers)
	case len(r.phones()) == 0:
		return fail(n.consumers, "have no phone; messages are found by phone only")
	case !r.Since.IsZero() && !r.Until.IsZero() && !r.Since.Before(r.Until):
		return fail(n.until, "is not after "+n.since)
	case r.reveals(r.CaseID):
		return fail(n.caseID, "is or has in it one of the request's phones; it is kept in receipts, so it must be another name")
	}
	return nil
}

// textProblem returns what is wrong with a name that a person chose, "" if nothing is.
func textProblem(s string) string {
	switch {
	case s == "":
		return "is missing"
	case len(s) > maxText:
		return "is longer than 128 bytes"
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "has characters that cannot be printed"
	case strings.TrimSpace(s) != s:
		return "has space around it"
	}
	return ""
}

// phoneProblem returns what is wrong with a phone, "" if nothing is. A number of nobody is no problem of the request as a whole.
func phoneProblem(p Phone) string {
	switch s := p.Reveal(); {
	case len(s) > voicemail.MaxCallerID:
		return "is longer than 256 bytes"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.EqualFold(strings.TrimSpace(s), redacted):
		return "is redacted; it must be the number itself"
	}
	return ""
}

// telling is from what length on a part of a text is taken for an identity and not for a coincidence.
const telling = 7

// reveals reports whether one of the request's phones can be read from the text: it is one, it has the digits of one, or, if these are many, it has them in it or
// is the national form of one.
func (r *Request) reveals(text string) bool {
	caller, typed, lower := voicemail.ParseCallerID(text), asciiDigits(text), strings.ToLower(text)
	for _, p := range r.phones() {
		id := p.CallerID()
		if id.Equal(caller) {
			return true
		}
		if !id.IsNumber() {
			address := strings.TrimPrefix(strings.TrimPrefix(id.Reveal(), "sip:"), "sips:")
			if len(address) >= telling && strings.Contains(lower, address) {
				return true
			}
			continue
		}
		number := asciiDigits(id.Reveal())
		if typed == number || len(number) >= telling && strings.Contains(typed, number) || len(typed) >= telling && strings.HasSuffix(number, typed) {
			return true
		}
	}
	return false
}

func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// ParseRequest reads a request as the documented product takes it, at most 1 MiB of UTF-8:
//
//	{
//	  "caseid": "123456789",
//	  "consumers": [
//	    {"consumer": [{"name": "Dan"}, {"phone": "555556161"}, {"phone": "555556162"}, {"email": "dan@example.com"}, {"fbid": "1"}]},
//	    {"consumer": {"phone": ["555551212", "+1 555 555 1213"], "email": ["ann@example.com"]}}
//	  ]
//	}
//
// A consumer is a list of objects or one object, and a phone is a string or a list of strings. Each phone of a consumer is kept once, in the form that came first.
// Names, addresses and everything else that is not known are dropped. The keys ccid, since and until of the document are optional; the last two bound when
// messages were received, in RFC 3339. A byte order mark is passed over.
//
// What would make a request mean less than was written is refused: a JSON number, which has lost zeros and the +; a known key twice, or in capitals.
//
// Errors: a [*RequestError], or that of r.
func ParseRequest(r io.Reader) (*Request, error) {
	doc, err := io.ReadAll(io.LimitReader(r, maxRequestSize+1))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if len(doc) > maxRequestSize {
		return nil, &RequestError{"document", "is longer than 1 MiB"}
	}
	doc = bytes.TrimPrefix(doc, []byte("\uFEFF"))
	if !utf8.Valid(doc) {
		return nil, &RequestError{"document", "is not UTF-8"}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(doc, &whole); err != nil {
		return nil, &RequestError{"document", "is not JSON" + position(doc, err)}
	}
	var p requestParser
	if err := p.document(whole); err != nil {
		return nil, err
	}
	err = p.request.checkCommon(requestNames{caseID: "caseid", ccid: "ccid", consumers: "consumers", since: "since", until: "until"})
	if err != nil {
		return nil, err
	}
	return &p.request, nil
}

// position says where a document stops to be JSON. What stands there is not cited: it can be a number.
func position(doc []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset < 1 || syntax.Offset > int64(len(doc)) {
		return ""
	}
	before := doc[:syntax.Offset-1]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf(" at line %d, byte %d", line, column)
}

type requestParser struct {
	request Request
	total   int // phones, each time one is given
}

func (p *requestParser) document(doc json.RawMessage) error {
	r := &p.request
	return jsonMembers("document", "", doc, map[string]func(string, json.RawMessage) error{
		"caseid":    func(path string, v json.RawMessage) error { return jsonText(path, v, &r.CaseID) },
		"ccid":      func(path string, v json.RawMessage) error { return jsonOptional(path, v, &r.CCID) },
		"since":     func(path string, v json.RawMessage) error { return jsonTime(path, v, &r.Since) },
		"until":     func(path string, v json.RawMessage) error { return jsonTime(path, v, &r.Until) },
		"consumers": func(path string, v json.RawMessage) error { return jsonElements(path, v, p.consumer) },
	})
}

// consumer reads an element of consumers.
func (p *requestParser) consumer(path string, doc json.RawMessage) error {
	if len(p.request.Consumers) == maxConsumers {
		return &RequestError{"consumers", tooManyConsumers}
	}
	var phones []Phone
	found := false
	phone := func(path string, v json.RawMessage) error {
		var s string
		if err := jsonText(path, v, &s); err != nil {
			return err
		}
		one := NewPhone(s)
		if problem := phoneProblem(one); problem != "" {
			return &RequestError{path, problem}
		}
		if p.total++; p.total > maxPhones {
			return &RequestError{"consumers", tooManyPhones}
		}
		phones = append(phones, one)
		return nil
	}
	identities := func(path string, v json.RawMessage) error {
		return jsonMembers(path, path+".", v, map[string]func(string, json.RawMessage) error{
			"phone": func(path string, v json.RawMessage) error {
				if v[0] == '[' {
					return jsonElements(path, v, phone)
				}
				return phone(path, v)
			},
		})
	}
	err := jsonMembers(path, path+".", doc, map[string]func(string, json.RawMessage) error{
		"consumer": func(path string, v json.RawMessage) error {
			found = true
			if v[0] == '[' {
				return jsonElements(path, v, identities)
			}
			return identities(path, v)
		},
	})
	if err != nil {
		return err
	}
	if !found {
		return &RequestError{path + ".consumer", "is missing"}
	}
	p.request.Consumers = append(p.request.Consumers, Consumer{Phones: appendPhones(nil, make(map[string]bool), phones...)})
	return nil
}

// jsonMembers calls, for each member of a JSON object that is known, its function with the path prefix+key. The others are ignored.
func jsonMembers(path, prefix string, doc json.RawMessage, known map[string]func(string, json.RawMessage) error) error {
	if doc[0] != '{' {
		return &RequestError{path, "must be an object"}
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	_, _ = d.Token() // the brace: the whole document is known to be JSON
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return &RequestError{path, "is not JSON"}
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return &RequestError{path, "is not JSON"}
		}
		key, _ := token.(string)
		read := known[key]
		if read == nil {
			if lower := strings.ToLower(key); known[lower] != nil {
				return &RequestError{prefix + lower, "is written in capitals, which is another key; write it in lower case"}
			}
			continue
		}
		if seen[key] {
			return &RequestError{prefix + key, "is there twice; put its values into one list, or leave one out"}
		}
		seen[key] = true
		if err := read(prefix+key, v); err != nil {
			return err
		}
	}
	return nil
}

// jsonElements calls read for each element of a JSON array.
func jsonElements(path string, doc json.RawMessage, read func(string, json.RawMessage) error) error {
	var list []json.RawMessage
	if doc[0] != '[' || json.Unmarshal(doc, &list) != nil {
		return &RequestError{path, "must be a list"}
	}
	for i, v := range list {
		if err := read(indexed(path, i), v); err != nil {
			return err
		}
	}
	return nil
}

func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// jsonText reads a JSON string.
func jsonText(path string, doc json.RawMessage, s *string) error {
	if c := doc[0]; c == '-' || '0' <= c && c <= '9' {
		return &RequestError{path, "is a JSON number, in which leading zeros and a + are lost; write it as a string, in quotes, as it is dialed"}
	}
	if doc[0] != '"' || json.Unmarshal(doc, s) != nil {
		return &RequestError{path, "must be a string"}
	}
	return nil
}

// jsonOptional reads a JSON string or null.
func jsonOptional(path string, doc json.RawMessage, s *string) error {
	if doc[0] == 'n' {
		return nil
	}
	return jsonText(path, doc, s)
}

// jsonTime reads a time or null.
func jsonTime(path string, doc json.RawMessage, t *time.Time) error {
	if doc[0] == 'n' {
		return nil
	}
	var s string
	if doc[0] != '"' || json.Unmarshal(doc, &s) != nil {
		return &RequestError{path, notATime}
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.IsZero() { // the zero time would be no bound
		return &RequestError{path, notATime}
	}
	*t = at.UTC()
	return nil
}

const notATime = "is not a time as 2031-02-03T00:00:00Z (RFC 3339), with its offset"
