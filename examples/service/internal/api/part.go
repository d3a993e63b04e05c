package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/problem"
)

// partDoc is a part of a message.
type partDoc struct {
	Kind        voicemail.PartKind `json:"kind"`
	Revision    int                `json:"revision"`
	ContentType string             `json:"contentType"`
	Size        int64              `json:"size"`
	Added       time.Time          `json:"added"`
	Content     string             `json:"content"`
}

func newPart(m voicemail.Message, p voicemail.Part) partDoc {
	return partDoc{
		Kind: p.Kind, Revision: p.Revision, ContentType: p.ContentType, Size: p.Size, Added: p.Added,
		Content: messageURL(m.Mailbox(), m.ID()) + "/parts/" + string(p.Kind) + "/" + strconv.Itoa(p.Revision),
	}
}

func (c *call) listParts() error {
	if err := c.query().end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	parts, err := m.Parts(c.r.Context())
	if err != nil {
		return err
	}
	docs := []partDoc{}
	for _, p := range parts {
		docs = append(docs, newPart(m, p))
	}
	return c.answer(http.StatusOK, struct {
		Parts []partDoc `json:"parts"`
	}{docs})
}

// addPart stores the body as a part. It is as it comes; a recording is recognized by its content.
func (c *call) addPart() error {
	if err := c.query().end(); err != nil {
		return err
	}
	opts, err := c.partOptions()
	if err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	release, err := c.admitDeposit()
	if err != nil {
		return err
	}
	defer release()
	p, err := m.AddPart(c.r.Context(), voicemail.PartKind(c.r.PathValue("kind")), &clientBody{Reader: c.r.Body}, opts)
	if err != nil {
		return err
	}
	doc := newPart(m, p)
	c.w.Header().Set("Location", doc.Content)
	return c.answer(http.StatusCreated, doc)
}

// partOptions returns the type of a text; a recording has none.
func (c *call) partOptions() (*voicemail.PartOptions, error) {
	contentType, audio, err := c.uploadType()
	if err != nil || audio {
		return nil, err
	}
	return &voicemail.PartOptions{ContentType: contentType}, nil
}

func (c *call) getPart() error {
	q := c.query()
	disposition := q.disposition()
	if err := q.end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	parts, err := m.Parts(c.r.Context())
	if err != nil {
		return err
	}
	for _, p := range parts {
		if string(p.Kind) != c.r.PathValue("kind") || strconv.Itoa(p.Revision) != c.r.PathValue("revision") {
			continue
		}
		body, err := m.OpenPart(c.r.Context(), p)
		if err != nil {
			return err
		}
		defer body.Close()
		c.play(content{body, string(m.ID()) + "-" + string(p.Kind) + "-" + strconv.Itoa(p.Revision), p.ContentType, "", p.Added}, disposition)
		return nil
	}
	return problem.New(http.StatusNotFound, partNotFound, "The message has no such part", "")
}
