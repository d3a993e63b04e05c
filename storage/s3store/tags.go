package s3store

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/genesys/voicemail/storage"
)

// Bounds of S3 for the tags of an object. Lengths are in UTF-16 units.
const (
	maxTags     = 10
	maxTagName  = 128
	maxTagValue = 256
)

// tagging returns the tags as the query string that S3 takes, nil for none.
func tagging(tags map[string]string) (*string, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	if len(tags) > maxTags {
		return nil, because(storage.ErrInvalid, fmt.Sprintf("there are more than %d tags", maxTags))
	}
	query := make(url.Values, len(tags))
	for name, value := range tags {
		name = tagText(name)
		if name == "" || units(name) > maxTagName || strings.HasPrefix(strings.ToLower(name), "aws:") || query.Has(name) {
			return nil, because(storage.ErrInvalid, "a tag has a name that S3 does not allow")
		}
		query.Set(name, cut(tagText(value), maxTagValue))
	}
	text := query.Encode()
	return &text, nil
}

// tagText returns s with what S3 does not allow in tags escaped.
func tagText(s string) string {
	var b strings.Builder
	for i, r := range s {
		_, width := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && width == 1
		if !bad && (unicode.In(r, unicode.L, unicode.Z, unicode.N) || strings.ContainsRune("_.:/=+-@", r)) {
			b.WriteString(s[i : i+width])
			continue
		}
		for _, c := range []byte(s[i : i+width]) {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// cut returns the start of s that has most units.
func cut(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += utf16.RuneLen(r); n > most {
			return s[:i]
		}
	}
	return s
}
