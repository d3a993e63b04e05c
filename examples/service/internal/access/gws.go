package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/gws"
)

// OpenGWS returns the Verifier that a file describes: where GWS is, and what GWS does not say of those who have its tokens.
//
//	{
//	  "url": "https://gws.example.com/auth/v3",
//	  "clientId": "voicemail", "clientSecretFile": "/keys/gws",         for user and password; may be left out
//	  "officers": ["PRIVACY"], "administrators": ["ADMIN"],             authorities
//	  "clients": {"scheduler": ["9350e2fc-…"]},                         clients, with the contact centers that they may act for
//	  "groups": {"9350e2fc-…": {"sales": ["agent7", "agent8"]}}         of each contact center
//	}
func OpenGWS(path string) (*gws.Verifier, error) {
	doc, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c struct {
		URL              string                         `json:"url"`
		ClientID         string                         `json:"clientId"`
		ClientSecretFile string                         `json:"clientSecretFile"`
		Officers         []string                       `json:"officers"`
		Administrators   []string                       `json:"administrators"`
		Clients          map[string][]string            `json:"clients"`
		Groups           map[string]map[string][]string `json:"groups"`
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if d.Decode(&c) != nil { // whose error cites the document
		return nil, errors.New("the file of GWS is not a JSON object of url, clientId, clientSecretFile, officers, administrators, clients and groups")
	}
	client, err := gws.New(c.URL, nil)
	if err != nil {
		return nil, err
	}
	opts := &gws.VerifierOptions{
		Officers: c.Officers, Administrators: c.Administrators, Clients: c.Clients,
		Groups: func(contactCenter, user string) []string { return groupsOf(c.Groups[contactCenter], user) },
	}
	if c.ClientSecretFile != "" {
		secret, err := os.ReadFile(c.ClientSecretFile)
		if err != nil {
			return nil, err
		}
		opts.Application = gws.NewApplication(c.ClientID, strings.TrimSpace(string(secret)))
	}
	return gws.NewVerifier(client, opts), nil
}

func groupsOf(members map[string][]string, user string) []string {
	var list []string
	for group, users := range members {
		if slices.Contains(users, user) {
			list = append(list, group)
		}
	}
	slices.Sort(list)
	return list
}

// AnyOf asks one Verifier after the other until one does not refuse the credentials.
type AnyOf []auth.Verifier

// Verify implements auth.Verifier.
func (a AnyOf) Verify(ctx context.Context, c auth.Credentials) (auth.Principal, error) {
	for _, v := range a {
		p, err := v.Verify(ctx, c)
		if !errors.Is(err, auth.ErrRefused) {
			return p, err
		}
	}
	return auth.Principal{}, auth.ErrRefused
}
