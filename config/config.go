package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Interface is a kind of storage, in the words of the chart's value storageInterface.
type Interface string

// The kinds of storage. The product publishes the first two spellings, not that of S3.
const (
	FileSystem  Interface = "FileSystem"
	BlobStorage Interface = "BlobStorage"
	S3          Interface = "S3"
)

// Config says where the voicemail of a deployment is kept. Its JSON has the names of the Helm chart's values, where the chart has such a value: storageInterface, currentRegion and
// voicemailHome stand below context.envs there. It holds no secrets: it can be printed and logged.
type Config struct {
	// StorageInterface is the kind of storage, of every region that does not say its own.
	StorageInterface Interface `json:"storageInterface"`
	// CurrentRegion is the region of this process, one of Regions. Not used with FileSystem.
	CurrentRegion string `json:"currentRegion,omitempty"`
	// VoicemailHome is the master region, one of Regions; it is the same in all regions. Empty or "None", which the chart has, it is the only region that there is. Not used with
	// FileSystem.
	VoicemailHome string `json:"voicemailHome,omitempty"`
	// Regions are the storages of BlobStorage and S3, by the name of their region: 1 to 64 of a-z, 0-9 and -.
	Regions map[string]Region `json:"regions,omitempty"`
	// SecretDirectory is where the keys are mounted, an absolute path; empty if there are none. See the package comment. In the chart it is /opt/genesys/katana/voicemail/secret.
	SecretDirectory string `json:"secretDirectory,omitempty"`
	// MountPath is where the volume of FileSystem is mounted, an absolute path. In the chart it is /opt/genesys/katana/voicemail/storage/.
	MountPath string `json:"mountPath,omitempty"`
	// TenantsFile is the file that [ReadTenants] reads, an absolute path; may be empty. In the chart it is tenants.json in /opt/genesys/katana/voicemail/tenants.
	TenantsFile string `json:"tenantsFile,omitempty"`
}

// Region is the storage of one region.
type Region struct {
	// StorageInterface is the kind of storage of this region, BlobStorage or S3; empty if it is that of the [Config].
	StorageInterface Interface `json:"storageInterface,omitempty"`
	// Account is the storage account. BlobStorage only.
	Account string `json:"account,omitempty"`
	// Container is the container in the account, which exists. BlobStorage only.
	Container string `json:"container,omitempty"`
	// Bucket is the bucket, which exists. S3 only.
	Bucket string `json:"bucket,omitempty"`
	// BucketRegion is the AWS region of the bucket; empty if it is the name of the region. S3 only.
	BucketRegion string `json:"bucketRegion,omitempty"`
	// PathStyle addresses the bucket in the path, not in the host name, as many compatible servers want it. S3 only.
	PathStyle bool `json:"pathStyle,omitempty"`
	// Endpoint is the URL of the service; empty is the public cloud of Azure (https://<account>.blob.core.windows.net) or AWS.
	Endpoint string `json:"endpoint,omitempty"`
	// Prefix is the folder in the container or bucket; empty is the whole of it.
	Prefix string `json:"prefix,omitempty"`
	// AccountKeyFile is the name of the file with a key of the account, in SecretDirectory; empty is <region>.account-key. BlobStorage only. A file that is
	// named here must exist.
	AccountKeyFile string `json:"accountKeyFile,omitempty"`
	// AccessKeyFile and SecretKeyFile are likewise the names of the files with the pair of keys; empty are <region>.access-key-id and <region>.secret-access-key. S3 only.
	AccessKeyFile string `json:"accessKeyFile,omitempty"`
	SecretKeyFile string `json:"secretKeyFile,omitempty"`
}

// FieldError says which field of a [Config], which parameter of a URL, or which file is not right, and what to do. It wraps [storage.ErrInvalid]. Its text has no key and no URL.
type FieldError struct {
	// Field is the path of the field in the document, as regions.westus2.account; a parameter of a URL is url.account.
	Field string
	// Problem is what is wrong with it, and what to do.
	Problem string
	// Err is the cause; may be nil.
	Err error
}

// Error returns the field, the problem and the cause.
func (e *FieldError) Error() string {
	s := "config: " + e.Field + ": " + e.Problem
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns storage.ErrInvalid and the cause.
func (e *FieldError) Unwrap() []error {
	if e.Err == nil {
		return []error{storage.ErrInvalid}
	}
	return []error{storage.ErrInvalid, e.Err}
}

// Parse reads a Config from its JSON and checks it. A field that is not known is an error, lest a misspelt one be ignored.
func Parse(doc []byte) (*Config, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	var c Config
	err := d.Decode(&c)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errors.New("there is something behind the document")
		}
	}
	if err != nil {
		return nil, decodeError(err)
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &c, nil
}

// decodeError returns an error of package json without what it cites of the document, which can be a key in the wrong place.
func decodeError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &FieldError{Field: wrong.Field, Problem: "must be a JSON " + jsonKind(wrong)}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &FieldError{Field: strings.Trim(name, `"`), Problem: "is not a field; see the documentation of config.Config and config.Region"}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &FieldError{Field: "document", Problem: "is not JSON"}
	}
	return &FieldError{Field: "document", Problem: "cannot be read", Err: err}
}

func jsonKind(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "bool":
		return "boolean"
	case "string":
		return "string"
	}
	return "object"
}

// Check returns a [*FieldError] for everything that is not right in c, joined. It looks at no file.
func (c *Config) Check() error {
	k := &checker{}
	k.absolute("secretDirectory", c.SecretDirectory)
	k.absolute("tenantsFile", c.TenantsFile)
	switch c.StorageInterface {
	case FileSystem:
		k.needed("mountPath", c.MountPath, "say where the volume is mounted")
		k.absolute("mountPath", c.MountPath)
		if len(c.Regions) > 0 {
			k.wrong("regions", "a volume has no regions: all clusters share it; leave them out, or choose another storageInterface")
		}
	case BlobStorage, S3:
		if c.MountPath != "" {
			k.wrong("mountPath", "is for FileSystem only; leave it out")
		}
		c.checkRegions(k)
	default:
		k.wrong("storageInterface", "must be FileSystem, BlobStorage or S3")
	}
	return errors.Join(k.errs...)
}

func (c *Config) checkRegions(k *checker) {
	if len(c.Regions) == 0 {
		k.wrong("regions", "is missing; give each region its account or bucket")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Regions)) {
		field := "regions." + name
		if err := keys.CheckRegion(name); err != nil {
			k.wrong("regions", "the name of a region has 1 to 64 of a-z, 0-9 and -")
			continue
		}
		switch kind := c.kind(name); kind {
		case BlobStorage, S3:
			c.Regions[name].check(k, field, kind, c.SecretDirectory)
		default:
			k.wrong(field+".storageInterface", "must be BlobStorage or S3; leave it out where it is that of the document")
		}
	}
	k.needed("currentRegion", c.CurrentRegion, "say in which of the regions this process runs")
	if _, ok := c.Regions[c.CurrentRegion]; c.CurrentRegion != "" && !ok {
		k.wrong("currentRegion", "is not among regions; add it there, with its account or bucket")
	}
	home := c.home()
	if home == "" {
		k.wrong("voicemailHome", "is needed since there are several regions; name the master region, the same in all of them")
	} else if _, ok := c.Regions[home]; !ok {
		k.wrong("voicemailHome", "is not among regions; add it there, with its account or bucket")
	}
}

// kind is the kind of storage of a region.
func (c *Config) kind(region string) Interface {
	return cmp.Or(c.Regions[region].StorageInterface, c.StorageInterface)
}

// home returns the master region, "" if c does not say.
func (c *Config) home() string {
	if c.VoicemailHome != "" && c.VoicemailHome != "None" {
		return c.VoicemailHome
	}
	if len(c.Regions) == 1 {
		for name := range c.Regions {
			return name
		}
	}
	return ""
}

var (
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,62}$`)
	bucketName    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	awsRegion     = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	fileName      = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)
)

func (r Region) check(k *checker, field string, kind Interface, secrets string) {
	k.endpoint(field+".endpoint", r.Endpoint, kind)
	if r.Prefix != "" && storage.CheckKey(r.Prefix) != nil {
		k.wrong(field+".prefix", "is not a legal object name; it has no slash at either end")
	}
	blob, s3 := kind == BlobStorage, kind == S3
	for _, f := range []struct {
		name, value string
		allowed     bool
		form        *regexp.Regexp
		what        string
	}{
		{"account", r.Account, blob, accountName, "3 to 24 of a-z and 0-9"},
		{"container", r.Container, blob, containerName, "3 to 63 of a-z, 0-9 and single -"},
		{"accountKeyFile", r.AccountKeyFile, blob, fileName, "the name of a file in secretDirectory"},
		{"bucket", r.Bucket, s3, bucketName, "3 to 63 of a-z, 0-9, - and ."},
		{"bucketRegion", r.BucketRegion, s3, awsRegion, "a region of AWS, as us-east-1"},
		{"accessKeyFile", r.AccessKeyFile, s3, fileName, "the name of a file in secretDirectory"},
		{"secretKeyFile", r.SecretKeyFile, s3, fileName, "the name of a file in secretDirectory"},
	} {
		switch {
		case f.value == "":
		case !f.allowed:
			k.wrong(field+"."+f.name, "is not for "+string(kind)+"; leave it out")
		case !f.form.MatchString(f.value) || f.form == fileName && len(f.value) > 253:
			k.wrong(field+"."+f.name, "must be "+f.what)
		}
	}
	if r.PathStyle && !s3 {
		k.wrong(field+".pathStyle", "is not for "+string(kind)+"; leave it out")
	}
	if secrets == "" && r.AccountKeyFile+r.AccessKeyFile+r.SecretKeyFile != "" {
		k.wrong("secretDirectory", "is needed since "+field+" names a file in it")
	}
	if blob {
		k.needed(field+".container", r.Container, "name the container in the account")
		if r.Account == "" && (r.Endpoint == "" || r.AccountKeyFile != "") {
			k.wrong(field+".account", "is missing; name the storage account of the region")
		}
		return
	}
	k.needed(field+".bucket", r.Bucket, "name the bucket of the region")
}

// checker collects errors.
type checker struct{ errs []error }

func (k *checker) wrong(field, problem string) {
	k.errs = append(k.errs, &FieldError{Field: field, Problem: problem})
}

func (k *checker) needed(field, value, fix string) {
	if value == "" {
		k.wrong(field, "is missing; "+fix)
	}
}

func (k *checker) absolute(field, path string) {
	if path != "" && !filepath.IsAbs(path) {
		k.wrong(field, "must be an absolute path")
	}
}

// endpoint never cites the URL: the one mistake to expect is one that has a signature or a password in it.
func (k *checker) endpoint(field, raw string, kind Interface) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
		k.wrong(field, "must be a URL that begins with https:// or http://")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		k.wrong(field, "must have no user, query or fragment; credentials are files in secretDirectory")
	case kind == S3 && strings.Trim(u.Path, "/") != "":
		k.wrong(field, "must have no path; the bucket and prefix have fields of their own")
	}
}
