package config

import (
	"context"
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genesys/voicemail/storage"
)

const urlField = "url"

// OpenURL opens the storage that a URL names:
//
//	file:///dir?prefix=p
//	azblob://container?account=a&endpoint=https://…&prefix=p&secret_dir=/keys
//	s3://bucket/prefix?region=r&endpoint=https://…&path_style=true&secret_dir=/keys
//
// The parameters are the fields of [Region] and, as secret_dir, Config.SecretDirectory; the files in it are account-key, or access-key-id and secret-access-key. Of account and
// endpoint one is enough where no key is mounted. All others are optional but the AWS region, which may be left out where there is an endpoint. A URL has no password and no key: such a
// one is refused, and never printed. An error in the URL is a [*FieldError].
func OpenURL(ctx context.Context, rawURL string) (storage.Store, error) {
	p, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	return p.open(ctx)
}

var urlParameters = map[string][]string{
	"file":   {"prefix"},
	"azblob": {"account", "endpoint", "prefix", "secret_dir"},
	"s3":     {"endpoint", "path_style", "region", "secret_dir"},
}

func parseURL(raw string) (place, error) {
	p := place{field: urlField}
	wrong := func(field, problem string) (place, error) {
		return place{}, &FieldError{Field: field, Problem: problem}
	}
	u, err := url.Parse(raw) // its error cites the URL
	if err != nil || u.Opaque != "" {
		return wrong(urlField, "must be like file:///dir, azblob://container?account=name or s3://bucket/prefix?region=name")
	}
	known, ok := urlParameters[u.Scheme]
	if !ok {
		return wrong(urlField, "must begin with file://, azblob:// or s3://")
	}
	if u.User != nil || u.Fragment != "" {
		return wrong(urlField, "must have no user, password or fragment; keys are files in secret_dir")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return wrong(urlField, "has parameters that are not legal")
	}
	for name, values := range query {
		// The name is not cited: it may be a piece of a key that was not escaped.
		if !slices.Contains(known, name) {
			return wrong(urlField, "has a parameter that is none of "+strings.Join(known, ", "))
		}
		if len(values) > 1 || values[0] == "" {
			return wrong(urlField+"."+name, "must be given once, and not empty")
		}
	}
	p.region = Region{Endpoint: query.Get("endpoint"), Prefix: query.Get("prefix")}
	p.files = fileNames("", p.region)
	p.secrets = query.Get("secret_dir")
	k := &checker{}
	k.absolute(urlField+".secret_dir", p.secrets)
	switch u.Scheme {
	case "file":
		p.kind, p.dir = FileSystem, filepath.FromSlash(u.Path)
		if u.Host != "" && u.Host != "localhost" || !path.IsAbs(u.Path) {
			return wrong(urlField, "must be file:///dir with an absolute path")
		}
		if p.region.Prefix != "" && storage.CheckKey(p.region.Prefix) != nil {
			return wrong(urlField+".prefix", "is not a legal object name; it has no slash at either end")
		}
	case "azblob":
		p.kind = BlobStorage
		p.region.Container, p.region.Account = u.Host, query.Get("account")
		if strings.Trim(u.Path, "/") != "" {
			return wrong(urlField, "has a path behind the container; give a folder as prefix=")
		}
	case "s3":
		p.kind = S3
		p.region.Bucket, p.region.BucketRegion = u.Host, query.Get("region")
		p.region.Prefix = strings.Trim(u.Path, "/")
		switch query.Get("path_style") {
		case "", "false":
		case "true":
			p.region.PathStyle = true
		default:
			return wrong(urlField+".path_style", "must be true or false")
		}
		if p.region.BucketRegion == "" && p.region.Endpoint != "" {
			p.region.BucketRegion = "us-east-1" // what compatible servers answer to
		}
		k.needed(urlField+".region", p.region.BucketRegion, "name the AWS region of the bucket")
	}
	if p.kind != FileSystem {
		p.region.check(k, urlField, p.kind, p.secrets)
	}
	return p, errors.Join(k.errs...)
}
