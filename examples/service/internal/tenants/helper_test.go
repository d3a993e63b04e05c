package tenants_test

import (
	"io"
	"log/slog"
	"strings"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func recording() io.Reader { return strings.NewReader("RIFF recording") }
