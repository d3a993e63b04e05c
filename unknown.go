package voicemail

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// unknown are the fields of a stored document that this version does not know. A later version wrote them, and they are written back when
// the document is.
type unknown map[string]json.RawMessage

// unknownFields returns the fields of a JSON object that the struct v has no place for.
func unknownFields(doc []byte, v any) (unknown, error) {
	var fields unknown
	if err := json.Unmarshal(doc, &fields); err != nil {
		return nil, err
	}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) { // those of embedded structs, too
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		delete(fields, name)
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return fields, nil
}

// encode returns v as a JSON object with the unknown fields.
func (u unknown) encode(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	if err != nil || len(u) == 0 {
		return doc, err
	}
	fields := maps.Clone(u)
	if err := json.Unmarshal(doc, &fields); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}
