package servicetest

import (
	"testing"

	"github.com/genesys/voicemail/storage"
)

func Faults(t *testing.T, newStore func(t *testing.T) storage.Store, opts *Options) {}
