package api

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

// greetingDoc is a greeting that is set.
type greetingDoc struct {
	Kind        voicemail.GreetingKind `json:"kind"`
	Revision    int                    `json:"revision"`
	ContentType string                 `json:"contentType"`
	DurationMS  int64                  `json:"durationMs"`
	Size        int64                  `json:"size"`
	SHA256      string                 `json:"sha256"`
	SetAt       time.Time              `json:"setAt"`
	Expires     time.Time              `json:"expires,omitzero"`
	Recording   string                 `json:"recording"`
}

func newGreeting(mailbox voicemail.MailboxID, g voicemail.Greeting) greetingDoc {
	return greetingDoc{
		Kind: g.Kind, Revision: g.Revision, ContentType: g.ContentType, DurationMS: g.Duration.Milliseconds(), Size: g.Size, SHA256: g.SHA256, SetAt: g.SetAt, Expires: g.Expires,
		Recording: mailboxURL(mailbox) + "/greetings/" + string(g.Kind) + "/recording",
	}
}

// greetings returns the greetings of the mailbox of the path. The switch plays them, so it may hear all.
func (c *call) greetings(every bool) (*voicemail.Greetings, voicemail.MailboxID, error) {
	box, _, err := c.mailbox(every)
	if err != nil {
		return nil, "", err
	}
	return c.tenant.Service.Greetings(box.ID()), box.ID(), nil
}

func (c *call) listGreetings() error {
	if err := c.query().end(); err != nil {
		return err
	}
	all, id, err := c.greetings(c.who.Administrator || c.who.Depositor)
	if err != nil {
		return err
	}
	current, err := all.Current(c.r.Context())
	if err != nil {
		return err
	}
	docs := []greetingDoc{}
	for _, g := range current {
		docs = append(docs, newGreeting(id, g))
	}
	return c.answer(http.StatusOK, struct {
		Greetings []greetingDoc `json:"greetings"`
	}{docs})
}

// chooseGreeting says which greeting is to be played in a situation.
func (c *call) chooseGreeting() error {
	q := c.query()
	situation := q.one("situation", string(voicemail.GreetingUnavailable), string(voicemail.GreetingBusy))
	if err := q.end(); err != nil {
		return err
	}
	all, id, err := c.greetings(c.who.Administrator || c.who.Depositor)
	if err != nil {
		return err
	}
	g, err := all.For(c.r.Context(), voicemail.GreetingKind(situation))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, newGreeting(id, g))
}

// setGreeting stores the body as the greeting of a kind.
func (c *call) setGreeting() error {
	q := c.query()
	opts := &voicemail.GreetingOptions{Expires: q.time("expires")}
	if err := q.end(); err != nil {
		return err
	}
	contentType, audio, err := c.uploadType()
	if err != nil {
		return err
	}
	if !audio {
		return mediaType("audio/*")
	}
	opts.ContentType = contentType
	all, id, err := c.greetings(c.who.Administrator)
	if err != nil {
		return err
	}
	release, err := c.admitDeposit()
	if err != nil {
		return err
	}
	defer release()
	g, err := all.Set(c.r.Context(), voicemail.GreetingKind(c.r.PathValue("kind")), &clientBody{Reader: c.r.Body}, opts)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, newGreeting(id, g))
}

func (c *call) deleteGreeting() error {
	if err := c.query().end(); err != nil {
		return err
	}
	all, _, err := c.greetings(c.who.Administrator)
	if err != nil {
		return err
	}
	if err := all.Delete(c.r.Context(), voicemail.GreetingKind(c.r.PathValue("kind"))); err != nil {
		return err
	}
	return c.nothing()
}

// revisionDoc is what a revision of a greeting is: one that was set, or that there is none any more.
type revisionDoc struct {
	Revision    int       `json:"revision"`
	SetAt       time.Time `json:"setAt"`
	Deleted     bool      `json:"deleted"`
	ContentType string    `json:"contentType,omitempty"`
	DurationMS  int64     `json:"durationMs"`
	Size        int64     `json:"size"`
	Expires     time.Time `json:"expires,omitzero"`
}

func (c *call) listRevisions() error {
	if err := c.query().end(); err != nil {
		return err
	}
	all, _, err := c.greetings(c.who.Administrator)
	if err != nil {
		return err
	}
	history, err := all.History(c.r.Context(), voicemail.GreetingKind(c.r.PathValue("kind")))
	if err != nil {
		return err
	}
	docs := []revisionDoc{}
	for _, g := range history {
		docs = append(docs, revisionDoc{g.Revision, g.SetAt, g.Deleted, g.ContentType, g.Duration.Milliseconds(), g.Size, g.Expires})
	}
	return c.answer(http.StatusOK, struct {
		Revisions []revisionDoc `json:"revisions"`
	}{docs})
}

// restoreGreeting sets the recording of an earlier revision anew.
func (c *call) restoreGreeting() error {
	q := c.query()
	opts := &voicemail.GreetingOptions{Expires: q.time("expires")}
	if err := q.end(); err != nil {
		return err
	}
	all, id, err := c.greetings(c.who.Administrator)
	if err != nil {
		return err
	}
	history, err := all.History(c.r.Context(), voicemail.GreetingKind(c.r.PathValue("kind")))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(history, func(g voicemail.Greeting) bool { return strconv.Itoa(g.Revision) == c.r.PathValue("revision") })
	if i < 0 {
		return voicemail.ErrNoGreeting
	}
	g, err := all.Restore(c.r.Context(), history[i], opts)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, newGreeting(id, g))
}

func (c *call) getGreeting() error {
	q := c.query()
	disposition := q.disposition()
	if err := q.end(); err != nil {
		return err
	}
	all, _, err := c.greetings(c.who.Administrator || c.who.Depositor)
	if err != nil {
		return err
	}
	current, err := all.Current(c.r.Context())
	if err != nil {
		return err
	}
	for _, g := range current {
		if string(g.Kind) != c.r.PathValue("kind") {
			continue
		}
		audio, err := all.Open(c.r.Context(), g)
		if err != nil {
			return err
		}
		defer audio.Close()
		c.play(content{audio, "greeting-" + string(g.Kind) + "-" + strconv.Itoa(g.Revision), g.ContentType, g.SHA256, g.SetAt}, disposition)
		return nil
	}
	return voicemail.ErrNoGreeting
}

// uploadType returns the media type of a body that is stored as it is, and whether it is a recording.
func (c *call) uploadType() (contentType string, audio bool, err error) {
	contentType = c.r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", false, mediaType("that of the body")
	}
	return contentType, strings.HasPrefix(media, "audio/") || media == "application/octet-stream", nil
}
