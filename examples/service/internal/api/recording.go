package api

// getRecording plays the message.
func (c *call) getRecording() error {
	q := c.query()
	disposition := q.disposition()
	if err := q.end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	audio, err := m.Open(c.r.Context())
	if err != nil {
		return err
	}
	defer audio.Close()
	e := m.Envelope()
	c.play(content{audio, string(m.ID()), e.ContentType, e.SHA256, e.ReceivedAt}, disposition)
	return nil
}
