package access

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

const secret = "7294630158224417"

func pin(t *testing.T, digits string) PIN {
	t.Helper()
	p, err := ParsePIN(digits)
	require.NoError(t, err)
	return p
}

func TestAPINIsDigitsOnly(t *testing.T) {
	for _, s := range []string{"0000", "0417", "1234567890123456"} {
		_, err := ParsePIN(s)
		assert.NoError(t, err, s)
	}
	for _, s := range []string{"", "123", "12345678901234567", "12 34", "+1234", "12a4", "٠١٢٣", "１２３４", "1234\n", redacted} {
		p, err := ParsePIN(s)
		require.ErrorIs(t, err, voicemail.ErrInvalid, s)
		assert.Nil(t, p.digits)
		if s != "" {
			assert.NotContains(t, err.Error(), s)
		}
	}
}

func TestAPINIsInNothingThatIsPrinted(t *testing.T) {
	type (
		exported struct{ P PIN }
		hidden   struct{ p PIN }
		embedded struct{ PIN }
	)
	p := pin(t, secret)
	k := key{plain: p}
	for name, v := range map[string]any{
		"PIN": p, "*PIN": &p, "[]PIN": []PIN{p}, "map": map[string]PIN{"a": p}, "any": []any{p, &p}, "field": exported{p}, "*field": &exported{p}, "unexported field": hidden{p},
		"*unexported field": &hidden{p}, "embedded": embedded{p}, "deep": map[string]any{"x": []hidden{{p}}}, "key": k, "granted": &granted{key: k},
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "%p", "%20v", "%!"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, log := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(log).Info("x", "pin", v, slog.Group("g", "pin", v))
		}
		if doc, err := json.Marshal(v); err == nil {
			out.Write(doc)
		}
		if doc, err := xml.Marshal(v); err == nil {
			out.Write(doc)
		}
		_ = template.Must(template.New("").Parse("{{.}} {{printf `%v` .}}")).Execute(&out, v)
		for _, trace := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")} {
			assert.NotContains(t, strings.ToLower(out.String()), trace, name)
		}
		if name == "PIN" {
			assert.Contains(t, out.String(), redacted)
		}
	}
	assert.Equal(t, redacted, p.String())
}

func TestAPINIsReadFromJSONAndNeverComesBack(t *testing.T) {
	var request struct{ PIN PIN }
	require.NoError(t, json.Unmarshal([]byte(`{"pin":"0417"}`), &request))
	assert.True(t, request.PIN.equal(pin(t, "0417")))
	assert.False(t, request.PIN.equal(pin(t, "417000")))
	doc, err := json.Marshal(request)
	require.NoError(t, err)
	assert.JSONEq(t, `{"PIN":"REDACTED"}`, string(doc))
	require.ErrorIs(t, json.Unmarshal(doc, &request), voicemail.ErrInvalid)
	require.Error(t, json.Unmarshal([]byte(`{"pin":417}`), &request), "a number has lost its leading zeros")
}

func FuzzAPINIsReadOrRefused(f *testing.F) {
	for _, s := range []string{"", "0417", "12345678901234567", "12 34", "\xff1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePIN(s)
		if err != nil {
			require.ErrorIs(t, err, voicemail.ErrInvalid)
			require.Error(t, p.check())
			return
		}
		require.Equal(t, s, p.digits())
		require.True(t, len(s) >= MinDigits && len(s) <= MaxDigits)
		require.Empty(t, strings.Trim(s, "0123456789"))
		p.trivial(s)
	})
}
