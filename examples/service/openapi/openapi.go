// Package openapi holds the description of the service, OpenAPI 3.1.
package openapi

import "embed"

// Documents are openapi.yaml, and gdpr.yaml for data-protection requests.
//
//go:embed *.yaml
var Documents embed.FS
