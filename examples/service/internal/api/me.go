package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/service/internal/health"
	"github.com/genesys/voicemail/examples/service/openapi"
)

func (c *call) getMe() error {
	if err := c.query().end(); err != nil {
		return err
	}
	groups := c.who.Groups
	if groups == nil {
		groups = []string{}
	}
	return c.answer(http.StatusOK, struct {
		Name          string    `json:"name"`
		User          string    `json:"user"`
		Groups        []string  `json:"groups"`
		ContactCenter string    `json:"ccid"`
		Officer       bool      `json:"officer"`
		Administrator bool      `json:"administrator"`
		Depositor     bool      `json:"depositor"`
		Expires       time.Time `json:"expires,omitzero"`
		Banner        string    `json:"banner,omitempty"`
	}{c.who.Name, c.who.User, groups, c.center, c.who.Officer, c.who.Administrator, c.who.Depositor, c.who.Expires, c.opts.Banner})
}

// ticketFor is how long a ticket is good. It is asked for anew when a page plays or listens for longer.
const ticketFor = 5 * time.Minute

// createTicket gives out a URL that plays a recording, shows a part, or streams events, without a header.
func (c *call) createTicket() error {
	var doc struct {
		Path string `json:"path"`
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	if !c.takesTickets(doc.Path) {
		return badRequest("path is that of a recording, a part or the events, as the service gives it, without a query")
	}
	ticket, until, err := c.opts.Tickets.Issue(c.who, doc.Path, ticketFor)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, struct {
		URL     string    `json:"url"`
		Expires time.Time `json:"expires"`
	}{doc.Path + "?ticket=" + ticket, until})
}

// takesTickets reports whether the path is of an operation that a ticket is good for.
func (c *call) takesTickets(path string) bool {
	if strings.ContainsAny(path, "?#") {
		return false
	}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil || r.URL.Host != "" || r.URL.EscapedPath() != path || !clean(r) {
		return false
	}
	_, pattern := c.mux.Handler(r)
	for _, route := range routes() {
		if route.entrance == ticketed && pattern == route.method+" "+route.path {
			return true
		}
	}
	return false
}

// document serves a part of the description.
func document(name string) func(*call) error {
	return func(c *call) error {
		doc, err := openapi.Documents.ReadFile(name)
		if err != nil {
			return nothingHere()
		}
		h := c.w.Header()
		h.Set("Content-Type", "application/yaml")
		h.Set("Cache-Control", "no-cache")
		_, _ = c.w.Write(doc) // a client that is gone is told nothing
		return nil
	}
}

// getHealth says that the process answers. What it cannot reach is no reason to start it anew.
func (c *call) getHealth() error {
	return c.answer(http.StatusOK, statusDoc{"alive"})
}

type statusDoc struct {
	Status string `json:"status"`
}

// getReadiness says whether requests should be sent here.
func (c *call) getReadiness() error {
	if c.opts.Draining.Err() != nil {
		return busy("The service stops")
	}
	status := c.opts.Health.Status()
	if status == health.Unavailable {
		return busy("The storage does not answer")
	}
	return c.answer(http.StatusOK, statusDoc{string(status)})
}
