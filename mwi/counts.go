package mwi

import "github.com/genesys/voicemail"

// Counts is what is in a mailbox, as [voicemail.Mailbox] counts it.
type Counts = voicemail.Counts
