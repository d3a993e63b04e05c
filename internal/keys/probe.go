package keys

// Probes is the prefix of what is created to see whether a region can be used, and deleted at once.
func (s Space) Probes() string { return s.root + "probe/" }

// Probe is an object that says nothing but that it could be created.
func (s Space) Probe(nonce string) string { return s.Probes() + nonce }
