// Package openapi holds tests to an OpenAPI 3.1 description: every request and answer that goes through its [Transport] must be in the document. It understands what the documents of this
// module use, and refuses a document that uses more, so that nothing is silently not checked.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Document is a description.
type Document struct {
	root map[string]any
	base string // of the first server
}

// Load reads a description in YAML, and checks that all of its schemas can be checked.
func Load(file string) (*Document, error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := &Document{}
	if err := yaml.Unmarshal(doc, &d.root); err != nil {
		return nil, err
	}
	if version, _ := d.root["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		return nil, fmt.Errorf("openapi is %q, not 3.1", version)
	}
	servers, _ := d.root["servers"].([]any)
	if len(servers) > 0 {
		d.base, _ = object(servers[0])["url"].(string)
	}
	return d, d.walk("", d.root)
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// walk finds references that lead nowhere, and schemas that use what is not understood.
func (d *Document) walk(path string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			if len(object(d.resolve(v))) == 0 {
				return fmt.Errorf("%s: %s leads nowhere", path, ref)
			}
			return nil
		}
		for name, child := range v {
			if name == "schema" {
				if err := d.supported(path+"/schema", child); err != nil {
					return err
				}
			}
			if err := d.walk(path+"/"+name, child); err != nil {
				return err
			}
		}
		if path == "/components/schemas" {
			for name, child := range v {
				if err := d.supported(path+"/"+name, child); err != nil {
					return err
				}
			}
		}
	case []any:
		for i, child := range v {
			if err := d.walk(fmt.Sprintf("%s/%d", path, i), child); err != nil {
				return err
			}
		}
	}
	return nil
}

var keywords = []string{"type", "description", "enum", "format", "pattern", "required", "properties", "additionalProperties", "items", "maxLength", "maxItems", "minimum", "maximum"}

func (d *Document) supported(path string, schema any) error {
	s := object(schema)
	if _, ok := s["$ref"]; ok || schema == nil {
		return nil
	}
	if s == nil {
		return fmt.Errorf("%s is no schema", path)
	}
	for word := range s {
		if !slices.Contains(keywords, word) {
			return fmt.Errorf("%s: the keyword %s is not checked by package openapi", path, word)
		}
	}
	if f, ok := s["format"]; ok && f != "date-time" {
		return fmt.Errorf("%s: the format %v is not checked by package openapi", path, f)
	}
	for name, child := range object(s["properties"]) {
		if err := d.supported(path+"/"+name, child); err != nil {
			return err
		}
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if _, plain := s[name].(bool); !plain {
			if err := d.supported(path+"/"+name, s[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve follows references.
func (d *Document) resolve(v any) any {
	for range 10 { // references to references, but not in a circle
		ref, ok := object(v)["$ref"].(string)
		if !ok {
			return v
		}
		v = any(d.root)
		for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			v = object(v)[step]
		}
	}
	return nil
}

// Operations returns every operation, as "POST /base/path", sorted.
func (d *Document) Operations() []string {
	var list []string
	for path, item := range object(d.root["paths"]) {
		for method := range object(item) {
			list = append(list, strings.ToUpper(method)+" "+d.base+path)
		}
	}
	slices.Sort(list)
	return list
}

// find returns the operation of a request.
func (d *Document) find(r *http.Request) map[string]any {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), d.base)
	if !ok {
		return nil
	}
	paths := object(d.root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		form := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
		if regexp.MustCompile("^" + form + "$").MatchString(rest) {
			return object(object(paths[path])[strings.ToLower(r.Method)])
		}
	}
	return nil
}

// Check returns why the answer to a request is not as described; nil if it is. A request that was refused need not be as described.
func (d *Document) Check(r *http.Request, sent []byte, resp *http.Response, got []byte) error {
	op := d.find(r)
	if op == nil {
		return fmt.Errorf("%s is not described", r.Method)
	}
	if resp.StatusCode < 300 {
		if err := d.checkRequest(op, r, sent); err != nil {
			return fmt.Errorf("request of %v: %w", op["operationId"], err)
		}
	}
	responses := object(op["responses"])
	response := responses[fmt.Sprint(resp.StatusCode)]
	if response == nil && resp.StatusCode >= 400 {
		response = responses["default"]
	}
	if response == nil {
		return fmt.Errorf("%v: status %d is not described", op["operationId"], resp.StatusCode)
	}
	if err := d.checkBody(object(d.resolve(response)), resp.Header, got); err != nil {
		return fmt.Errorf("answer %d of %v: %w", resp.StatusCode, op["operationId"], err)
	}
	return nil
}

// CheckSchema returns why a JSON document is not as a schema of the components says; nil if it is.
func (d *Document) CheckSchema(name string, doc []byte) error {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return err
	}
	schema, ok := object(object(d.root["components"])["schemas"])[name]
	if !ok {
		return fmt.Errorf("there is no schema %s", name)
	}
	return d.value("$", schema, v)
}

func (d *Document) checkRequest(op map[string]any, r *http.Request, sent []byte) error {
	known := map[string]any{}
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		p := object(d.resolve(p))
		if p["in"] == "query" {
			known[fmt.Sprint(p["name"])] = p["schema"]
		}
	}
	for name, values := range r.URL.Query() {
		schema, ok := known[name]
		if !ok || len(values) != 1 {
			return fmt.Errorf("the parameter %s is not described, or is there twice", name)
		}
		if err := d.value(name, schema, values[0]); err != nil {
			return err
		}
	}
	if op["requestBody"] == nil {
		if len(sent) > 0 {
			return fmt.Errorf("a body is not described")
		}
		return nil
	}
	return d.checkBody(object(d.resolve(op["requestBody"])), r.Header, sent)
}

func (d *Document) checkBody(described map[string]any, h http.Header, body []byte) error {
	content := object(described["content"])
	if len(content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("a body is not described")
		}
		return nil
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return err
	}
	media, ok := content[kind]
	if !ok {
		major, _, _ := strings.Cut(kind, "/")
		media, ok = content[major+"/*"]
	}
	if !ok {
		return fmt.Errorf("the type %s is not described", kind)
	}
	schema := object(media)["schema"]
	if schema == nil {
		return nil
	}
	var v any
	if kind == "multipart/form-data" {
		v, err = form(body, params["boundary"])
	} else {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		return err
	}
	return d.value("$", schema, v)
}

// form returns the parts of a form as the members of an object: those of JSON as what they hold, others as strings.
func form(body []byte, boundary string) (any, error) {
	members := map[string]any{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			return nil, err
		}
		var v any = string(content)
		if part.Header.Get("Content-Type") == "application/json" {
			if err := json.Unmarshal(content, &v); err != nil {
				return nil, err
			}
		}
		members[part.FormName()] = v
	}
}

// value checks a value against a schema.
func (d *Document) value(path string, schema, v any) error {
	s := object(d.resolve(schema))
	if err := typed(path, s["type"], v); err != nil {
		return err
	}
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, v) {
		return fmt.Errorf("%s is not one of %v", path, list)
	}
	switch v := v.(type) {
	case string:
		return text(path, s, v)
	case []any:
		if most, ok := s["maxItems"].(int); ok && len(v) > most {
			return fmt.Errorf("%s has more than %d", path, most)
		}
		for i, item := range v {
			if s["items"] == nil {
				break
			}
			if err := d.value(fmt.Sprintf("%s[%d]", path, i), s["items"], item); err != nil {
				return err
			}
		}
	case map[string]any:
		return d.members(path, s, v)
	case float64:
		low, bounded := s["minimum"].(int)
		if high, ok := s["maximum"].(int); bounded && v < float64(low) || ok && v > float64(high) {
			return fmt.Errorf("%s is out of bounds", path)
		}
	}
	return nil
}

func typed(path string, types, v any) error {
	list, ok := types.([]any)
	if !ok && types != nil {
		list = []any{types}
	}
	is := "null"
	switch v := v.(type) {
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case []any:
		is = "array"
	case map[string]any:
		is = "object"
	case float64:
		is = "number"
		if v == math.Trunc(v) && slices.Contains(list, "integer") {
			is = "integer"
		}
	}
	if len(list) > 0 && !slices.Contains(list, any(is)) {
		return fmt.Errorf("%s is a JSON %s, not one of %v", path, is, list)
	}
	return nil
}

func text(path string, s map[string]any, v string) error {
	if s["format"] == "date-time" {
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return fmt.Errorf("%s is no time", path)
		}
	}
	if form, ok := s["pattern"].(string); ok && !regexp.MustCompile(form).MatchString(v) {
		return fmt.Errorf("%s does not match %s", path, form)
	}
	if most, ok := s["maxLength"].(int); ok && len([]rune(v)) > most {
		return fmt.Errorf("%s is longer than %d", path, most)
	}
	return nil
}

func (d *Document) members(path string, s, v map[string]any) error {
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[fmt.Sprint(name)]; !ok {
			return fmt.Errorf("%s has no %v", path, name)
		}
	}
	properties, more := object(s["properties"]), s["additionalProperties"]
	for name, member := range v {
		schema, known := properties[name]
		if !known {
			if more == false {
				return fmt.Errorf("%s.%s is not described", path, name)
			}
			schema = more
			if object(more) == nil {
				continue
			}
		}
		if err := d.value(path+"."+name, schema, member); err != nil {
			return err
		}
	}
	return nil
}

// Transport sends requests by Base, http.DefaultTransport if it is nil, and tells Wrong of each exchange that is not as described. It holds whole bodies in memory.
type Transport struct {
	*Document
	Base  http.RoundTripper
	Wrong func(error)

	mu   sync.Mutex
	seen map[string]bool
}

// RoundTrip implements http.RoundTripper. A body that is cut off stays cut off.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	if err := t.Check(r, sent, resp, got); err != nil {
		t.Wrong(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	if op := t.find(r); op != nil && resp.StatusCode < 300 {
		t.seen[fmt.Sprint(op["operationId"])] = true
	}
	return resp, nil
}

// Unseen returns the operations that have not succeeded yet, by their IDs, sorted.
func (t *Transport) Unseen() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, item := range object(t.root["paths"]) {
		for _, op := range object(item) {
			if id := fmt.Sprint(object(op)["operationId"]); !t.seen[id] {
				list = append(list, id)
			}
		}
	}
	slices.Sort(list)
	return list
}
