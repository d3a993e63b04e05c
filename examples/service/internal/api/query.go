package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query reads the parameters of a URL. What is not asked for by the end is an error, lest a misspelt filter be ignored; so is a parameter that is given twice. The first
// error stays.
type query struct {
	values url.Values
	err    error
}

func (c *call) query() *query {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.err = badRequest("the query of the URL is not legal")
	}
	q.take("ticket") // which was read before, as was ccid
	q.take("ccid")
	return q
}

// take returns a parameter, and whether it was given.
func (q *query) take(name string) (string, bool) {
	given, ok := q.values[name]
	delete(q.values, name)
	if !ok {
		return "", false
	}
	if len(given) != 1 {
		q.fail(name + " is given more than once")
		return "", false
	}
	return given[0], true
}

func (q *query) fail(detail string) {
	if q.err == nil {
		q.err = badRequest(detail)
	}
}

func (q *query) bool(name string) bool {
	s, ok := q.take(name)
	if ok && s != "true" && s != "false" {
		q.fail(name + " is true or false")
	}
	return s == "true"
}

// number returns a parameter from 1 to limit.
func (q *query) number(name string, standard, limit int) int {
	s, ok := q.take(name)
	if !ok {
		return standard
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > limit {
		q.fail(name + " is a number from 1 to " + strconv.Itoa(limit))
		return standard
	}
	return n
}

func (q *query) time(name string) time.Time {
	s, ok := q.take(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		q.fail(name + " is a time like 2025-03-01T08:30:00Z")
	}
	return t
}

// one returns a parameter that is one of a few words, the first of which is the default.
func (q *query) one(name string, words ...string) string {
	s, ok := q.take(name)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, s) {
		q.fail(name + " is one of " + strings.Join(words, ", "))
	}
	return s
}

// end returns what is wrong.
func (q *query) end() error {
	if len(q.values) > 0 {
		q.fail("the URL has a parameter that is not known here")
	}
	return q.err
}
