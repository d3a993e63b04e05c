package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNothingIsServedThatABrowserWouldRun(t *testing.T) {
	for stored, served := range map[string]string{
		"audio/wav": "audio/wav", "text/plain; charset=utf-8": "text/plain; charset=utf-8", "text/vtt": "text/vtt",
		"text/html": "application/octet-stream", "image/svg+xml": "application/octet-stream", "application/xhtml+xml": "application/octet-stream", "": "application/octet-stream",
	} {
		assert.Equal(t, served, playable(stored), stored)
	}
}
