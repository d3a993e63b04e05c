package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/genesys/voicemail"
)

// depositDoc is what is known of a recording. Callers are given as telephony delivers them: see voicemail.ParseCallerID.
type depositDoc struct {
	ID          voicemail.MessageID `json:"id"`
	Caller      string              `json:"caller"`
	CallerName  string              `json:"callerName"`
	Called      string              `json:"called"`
	Redirecting string              `json:"redirecting"`
	CallID      string              `json:"callId"`
	DurationMS  int64               `json:"durationMs"`
	Urgent      bool                `json:"urgent"`
	Private     bool                `json:"private"`
	Expires     time.Time           `json:"expires"`
	Attributes  map[string]string   `json:"attributes"`
}

// maxDuration keeps the milliseconds of a client within a time.Duration.
const maxDuration = 24 * time.Hour

func (d *depositDoc) options(contentType string) (*voicemail.DepositOptions, error) {
	if d.DurationMS < 0 || d.DurationMS > maxDuration.Milliseconds() {
		return nil, badRequest("durationMs is from 0 to a day")
	}
	o := &voicemail.DepositOptions{
		ID: d.ID, Called: voicemail.ParseCallerID(d.Called), Redirecting: voicemail.ParseCallerID(d.Redirecting), CallID: d.CallID,
		Caller: voicemail.ParseCallerID(d.Caller), ContentType: contentType, Duration: time.Duration(d.DurationMS) * time.Millisecond,
		Urgent: d.Urgent, Private: d.Private, Expires: d.Expires, Attributes: d.Attributes,
	}
	if d.CallerName != "" {
		o.Caller = o.Caller.WithName(d.CallerName)
	}
	return o, nil
}

// depositMessage takes a form of two parts, in this order: message, a JSON document, and audio, the recording, which is stored as it comes in.
func (c *call) depositMessage() error {
	if err := c.query().end(); err != nil {
		return err
	}
	box, err := c.depositBox()
	if err != nil {
		return err
	}
	release, err := c.admitDeposit()
	if err != nil {
		return err
	}
	defer release()
	var details depositDoc
	audio, err := c.upload("message", &details)
	if err != nil {
		return err
	}
	opts, err := details.options(audio.contentType)
	if err != nil {
		return err
	}
	m, err := box.Deposit(c.r.Context(), audio, opts)
	var failed *voicemail.DepositError
	if errors.As(err, &failed) {
		_ = failed.Audio.Close() // the client has the recording, and learns the ID to repeat the deposit with
	}
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if m.State().Pending {
		status = http.StatusAccepted
	}
	doc := newMessage(m)
	c.w.Header().Set("Location", messageURL(doc.Mailbox, doc.ID))
	return c.answer(status, doc)
}

// depositBox returns the mailbox of the path. For those who may deposit in every one it is not looked at before: messages are taken also while the master region is down, which alone knows it.
func (c *call) depositBox() (voicemail.Mailbox, error) {
	if c.who.Administrator || c.who.Depositor {
		return c.tenant.Service.Mailbox(voicemail.MailboxID(c.r.PathValue("mailbox"))), nil
	}
	box, _, err := c.mailbox(false)
	return box, err
}

// admitDeposit refuses to begin a deposit while the service stops, or while it has as many as it can.
func (c *call) admitDeposit() (release func(), err error) {
	if c.opts.Draining.Err() != nil {
		return nil, busy("The service stops")
	}
	if !c.deposits.take() {
		return nil, busy("As many recordings as can be are being taken in")
	}
	return c.deposits.giveBack, nil
}

// upload takes a form of two parts. It reads the first one, a JSON document of this name, into v, and returns the second one, a recording with the name audio, to be read.
func (c *call) upload(name string, v any) (*recording, error) {
	form, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || form != formType || params["boundary"] == "" {
		return nil, mediaType(formType)
	}
	f := &formReader{body: &clientBody{Reader: c.r.Body}, first: name}
	f.parts = multipart.NewReader(f.body, params["boundary"])
	part, err := f.next(name)
	if err != nil {
		return nil, err
	}
	if got, _, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err != nil || got != jsonType {
		return nil, badRequest("the part " + name + " has to be application/json")
	}
	if err := decodeJSON(&clientBody{Reader: part}, v); err != nil {
		return nil, err
	}
	part, err = f.next("audio")
	if err != nil {
		return nil, err
	}
	return &recording{Reader: &clientBody{Reader: part}, form: f, contentType: part.Header.Get("Content-Type")}, nil
}

// formReader reads the parts of a form.
type formReader struct {
	body  *clientBody
	parts *multipart.Reader
	first string // the name of the first part
}

func (f *formReader) next(name string) (*multipart.Part, error) {
	part, err := f.parts.NextRawPart() // as it is: a part is not decoded
	switch {
	case f.body.failed != nil:
		return nil, f.body.failed
	case err != nil, part.FormName() != name:
		return nil, badRequest("the form has two parts, " + f.first + " and audio, in this order")
	}
	return part, nil
}

// end returns what is wrong if there is something behind the last part.
func (f *formReader) end() error {
	_, err := f.parts.NextRawPart()
	switch {
	case f.body.failed != nil:
		return f.body.failed
	case !errors.Is(err, io.EOF):
		return badRequest("the form does not end behind the part audio")
	}
	return nil
}

// recording reads the last part of a form. It ends well only if the form does.
type recording struct {
	io.Reader
	form        *formReader
	contentType string
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if err := r.form.end(); err != nil {
		return n, err
	}
	return n, io.EOF
}

// slots bound how many are at something at the same time.
type slots chan struct{}

func (s slots) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) giveBack() { <-s }
