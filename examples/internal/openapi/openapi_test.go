package openapi

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const description = `
openapi: 3.1.0
servers: [{url: /api}]
paths:
  /things/{id}:
    post:
      operationId: make
      parameters: [{name: n, in: query, schema: {type: string, pattern: "^[0-9]+$"}}]
      requestBody: {content: {application/json: {schema: {type: object, required: [a]}}}}
      responses:
        "200": {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
        default: {content: {text/plain: {}}}
components:
  schemas:
    Thing:
      type: object
      required: [id]
      additionalProperties: false
      properties:
        id: {type: string, maxLength: 3, enum: [a, b]}
        n: {type: [integer, "null"], minimum: 1, maximum: 2}
        at: {type: string, format: date-time}
        list: {type: array, maxItems: 1, items: {type: boolean}}
        by: {type: object, additionalProperties: {type: string}}
`

func load(t *testing.T, text string) (*Document, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return Load(file)
}

func TestEveryDifferenceFromTheDescriptionIsFound(t *testing.T) {
	d, err := load(t, description)
	require.NoError(t, err)
	assert.Equal(t, []string{"POST /api/things/{id}"}, d.Operations())
	for _, tt := range []struct{ url, sent, status, kind, got, wrong string }{
		{"/api/things/1?n=2", `{"a": 1}`, "200", "application/json", `{"id": "a", "n": 2, "at": "2026-01-01T00:00:00Z", "list": [true], "by": {"x": "y"}}`, ""},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "n": null}`, ""},
		{"/api/things/1", `{}`, "404", "text/plain", "no", ""},
		{"/api/things", `{"a": 1}`, "200", "application/json", `{"id": "a"}`, "is not described"},
		{"/api/things/1?m=2", `{"a": 1}`, "200", "application/json", `{"id": "a"}`, "parameter m"},
		{"/api/things/1?n=x", `{"a": 1}`, "200", "application/json", `{"id": "a"}`, "does not match"},
		{"/api/things/1", `{}`, "200", "application/json", `{"id": "a"}`, "has no a"},
		{"/api/things/1", `{"a": 1}`, "201", "application/json", `{"id": "a"}`, "status 201"},
		{"/api/things/1", `{"a": 1}`, "200", "text/html", `{"id": "a"}`, "text/html is not described"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{`, "unexpected end"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"n": 1}`, "has no id"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "c"}`, "is not one of"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "m": 1}`, "$.m is not described"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "n": 1.5}`, "number"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "n": 3}`, "out of bounds"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "at": "today"}`, "is no time"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "list": [1]}`, "$.list[0]"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "list": [true, true]}`, "more than 1"},
		{"/api/things/1", `{"a": 1}`, "200", "application/json", `{"id": "a", "by": {"x": 1}}`, "$.by.x"},
	} {
		r := httptest.NewRequest(http.MethodPost, tt.url, nil)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", tt.kind)
		w.Code = map[string]int{"200": 200, "201": 201, "404": 404}[tt.status]
		err := d.Check(r, []byte(tt.sent), w.Result(), []byte(tt.got))
		if tt.wrong == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tt.wrong, tt.got)
	}
}

func TestADocumentIsCheckedByItsSchema(t *testing.T) {
	d, err := load(t, description)
	require.NoError(t, err)
	require.NoError(t, d.CheckSchema("Thing", []byte(`{"id": "a"}`)))
	require.Error(t, d.CheckSchema("Thing", []byte(`{"id": 1}`)))
	require.Error(t, d.CheckSchema("Thing", []byte(`{`)))
}

func TestADescriptionThatSaysMoreThanIsCheckedIsRefused(t *testing.T) {
	for _, change := range [][2]string{
		{"maxLength: 3", "minLength: 3"}, {"date-time", "uuid"}, {"schemas/Thing", "schemas/Thong"}, {"openapi: 3.1.0", "openapi: 3.0.3"}, {"{type: boolean}", "{type: boolean, oneOf: []}"},
	} {
		_, err := load(t, strings.Replace(description, change[0], change[1], 1))
		require.Error(t, err, change[1])
	}
}
