package gdpr

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	htmltemplate "html/template"
	"io"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
)

const (
	secretNumber = "+1 (555) 123-4567"
	secretDigits = "5551234567"
)

// leaks reports whether the number, its digits or their bytes stand in the text.
func leaks(text string) bool {
	dense := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "+", "").Replace(strings.ToLower(text))
	for _, s := range []string{secretNumber, secretDigits, "123-4567"} {
		hex := fmt.Sprintf("%x", s)
		bytes := strings.Trim(fmt.Sprintf("%d", []byte(s)), "[]")
		for _, trace := range []string{s, hex, strings.ReplaceAll(bytes, " ", "")} {
			if strings.Contains(text, trace) || strings.Contains(dense, trace) {
				return true
			}
		}
	}
	return false
}

func rendered(write func(io.Writer) error) string {
	var b bytes.Buffer
	_ = write(&b)
	return b.String()
}

// printed are the ways by which a value gets into a log, a page or a file by accident.
func printed() map[string]func(v any) string {
	ways := map[string]func(v any) string{
		"Sprint":        func(v any) string { return fmt.Sprint(v) },
		"Errorf":        func(v any) string { return fmt.Errorf("x: %v", v).Error() },
		"json":          func(v any) string { doc, _ := json.Marshal(v); return string(doc) },
		"json of a map": func(v any) string { doc, _ := json.Marshal(map[string]any{"v": v}); return string(doc) },
		"xml":           func(v any) string { doc, _ := xml.Marshal(v); return string(doc) },
		"gob":           func(v any) string { return rendered(func(w io.Writer) error { return gob.NewEncoder(w).Encode(v) }) },
		"text/template": func(v any) string {
			return rendered(func(w io.Writer) error {
				return template.Must(template.New("").Parse(`{{.}} {{printf "%+v" .}}`)).Execute(w, v)
			})
		},
		"html/template": func(v any) string {
			const page = `<p title="{{.}}">{{.}}</p><a href="/?c={{.}}">x</a><script>var c = {{.}};</script>`
			return rendered(func(w io.Writer) error { return htmltemplate.Must(htmltemplate.New("").Parse(page)).Execute(w, v) })
		},
		"slog text": func(v any) string {
			return rendered(func(w io.Writer) error { slog.New(slog.NewTextHandler(w, nil)).Info("x", "v", v); return nil })
		},
		"slog JSON": func(v any) string {
			return rendered(func(w io.Writer) error {
				slog.New(slog.NewJSONHandler(w, nil)).With("v", v).Info("x", slog.Group("g", "w", []any{v}))
				return nil
			})
		},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%b", "%o", "%e", "%g", "%z", "% x", "%#q", "%20.3v", "%T", "%p", "%!"} {
		ways[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	return ways
}

func TestNothingThatHoldsAPhonePrintsIt(t *testing.T) {
	p := NewPhone(secretNumber)
	type (
		hidden   struct{ p Phone }
		embedded struct{ Phone }
		deep     struct{ h []hidden }
	)
	r := Request{CaseID: "c", Consumers: []Consumer{{Phones: []Phone{p}}}}
	holders := map[string]any{
		"Phone": p, "*Phone": &p, "[]Phone": []Phone{p}, "map": map[string]Phone{"a": p}, "map key": map[Phone]int{p: 1}, "hidden": hidden{p}, "*hidden": &hidden{p},
		"hidden twice": deep{[]hidden{{p}}}, "embedded": embedded{p}, "Consumer": r.Consumers[0], "Request": r, "*Request": &r,
	}
	for way, render := range printed() {
		for what, v := range holders {
			assert.False(t, leaks(render(v)), "%s of %s: %s", way, what, render(v))
		}
	}
	assert.True(t, leaks("Info +1 (555) 123-4567") && leaks(fmt.Sprintf("%x", secretNumber)) && leaks(fmt.Sprintf("%d", []byte(secretDigits))), "what leaks is found")
}

// What does not print at all would pass the test above.
func TestAPhonePrintsAsRedacted(t *testing.T) {
	ways := printed()
	for _, none := range []string{"%T", "%p", "%!", "gob"} {
		delete(ways, none) // prints nothing of it
	}
	for way, render := range ways {
		assert.Contains(t, render(NewPhone(secretNumber)), "REDACTED", way)
		assert.Contains(t, render(Phone{}), "REDACTED", way)
	}
	assert.Equal(t, "REDACTED", NewPhone(secretNumber).String())
}

func TestAPhoneIsRevealedAsItWasGiven(t *testing.T) {
	p := NewPhone(" tel:+1-555-123-4567 ")
	assert.Equal(t, " tel:+1-555-123-4567 ", p.Reveal())
	assert.Equal(t, "+15551234567", p.CallerID().Reveal())
	assert.Empty(t, Phone{}.Reveal())
	assert.True(t, Phone{}.CallerID().Withheld(), "the zero value is nobody's")
}
