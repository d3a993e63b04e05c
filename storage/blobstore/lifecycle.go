package blobstore

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/genesys/voicemail/storage"
)

// LifecycleOptions are the options of [Lifecycle].
type LifecycleOptions struct {
	// Container is the name of the container. It has no default.
	Container string
	// Prefix is that of the store, [Options].Prefix. The rules are about its folder only.
	Prefix string
	// MaxAge are limits of age. Their prefixes are those of object names in the store.
	MaxAge []storage.AgeLimit
}

// LifecyclePolicy is a lifecycle management policy, which the storage account carries out by itself. It prints as the document that
//
//	az storage account management-policy create --account-name ACCOUNT --resource-group GROUP --policy @DOCUMENT
//
// takes. An account has one policy, and the command replaces it: add the rules to those that are there. Their names are the same for the same container and Prefix, and
// different for others. The package does not set them: that is a request to the management plane, with rights that no service should have.
type LifecyclePolicy struct {
	name string // what the names of the rules start with
	list []policyRule
}

// Bounds of a policy.
const (
	maxPolicyRules    = 100
	maxPolicyPrefixes = 10 // of a rule
)

type policyRule struct {
	Name       string           `json:"name"`
	Enabled    bool             `json:"enabled"`
	Type       string           `json:"type"`
	Definition policyDefinition `json:"definition"`
}

type policyDefinition struct {
	Actions policyActions `json:"actions"`
	Filters policyFilters `json:"filters"`
}

type policyActions struct {
	BaseBlob *baseBlobAction `json:"baseBlob,omitempty"`
	Snapshot copyAction      `json:"snapshot"`
	Version  copyAction      `json:"version"`
}

type baseBlobAction struct {
	Delete struct {
		Days int `json:"daysAfterModificationGreaterThan"`
	} `json:"delete"`
}

type copyAction struct {
	Delete struct {
		Days int `json:"daysAfterCreationGreaterThan"`
	} `json:"delete"`
}

type policyFilters struct {
	BlobTypes   []string `json:"blobTypes"`
	PrefixMatch []string `json:"prefixMatch"`
}

// Lifecycle returns rules that delete what is left in the container although it should be gone: previous versions and snapshots that were made more than a day
// ago, and objects that are older than their limit. There is no rule about uploads that were not completed: the package makes none, and the service discards the blocks
// of others after a week.
//
// They are a second net. The service carries them out about once a day, and a policy that is new or changed takes up to another; and it does not know what the objects are. With soft delete it moves
// there what it deletes. Delete, which removes all versions at once, does not rely on it. The repository's docs/lifecycle.md says what the rules are good for.
func Lifecycle(opts *LifecycleOptions) (*LifecyclePolicy, error) {
	if opts == nil {
		opts = &LifecycleOptions{}
	}
	if !isContainer(opts.Container) {
		return nil, fail("lifecycle", "", because(storage.ErrInvalid, "container is not a legal name"))
	}
	folder, err := folderOf(opts.Prefix)
	if err != nil {
		return nil, fail("lifecycle", "", err)
	}
	if err := storage.CheckAgeLimits(opts.MaxAge); err != nil {
		return nil, &storage.Error{Op: "lifecycle", Driver: driver, Kind: storage.ErrInvalid, Err: err}
	}
	// With the slash, no other container's name starts so.
	folder = opts.Container + "/" + folder
	sum := sha256.Sum256([]byte(folder))
	p := &LifecyclePolicy{name: "voicemail" + fmt.Sprintf("%x", sum[:6])} // a rule's name has letters and digits only
	p.add("Rest", 0, folder)
	prefixes := make(map[int][]string)
	var days []int
	for _, limit := range opts.MaxAge {
		if prefixes[limit.Days] == nil {
			days = append(days, limit.Days)
		}
		prefixes[limit.Days] = append(prefixes[limit.Days], folder+limit.Prefix)
	}
	for _, d := range days {
		for some := range slices.Chunk(prefixes[d], maxPolicyPrefixes) {
			p.add(fmt.Sprintf("Age%d", len(p.list)), d, some...)
		}
	}
	if len(p.list) > maxPolicyRules {
		return nil, fail("lifecycle", "", because(storage.ErrInvalid, fmt.Sprintf("a policy can have %d rules, of %d prefixes each", maxPolicyRules, maxPolicyPrefixes)))
	}
	return p, nil
}

// add adds a rule about old versions and snapshots and, if days is not 0, about blobs that are older. The service deletes no blob that has versions or snapshots,
// unless the same rule is about them.
func (p *LifecyclePolicy) add(name string, days int, prefixes ...string) {
	r := policyRule{Name: p.name + name, Enabled: true, Type: "Lifecycle"}
	r.Definition.Filters = policyFilters{BlobTypes: []string{"blockBlob"}, PrefixMatch: prefixes}
	r.Definition.Actions.Version.Delete.Days = 1
	r.Definition.Actions.Snapshot.Delete.Days = 1
	if days != 0 {
		r.Definition.Actions.BaseBlob = &baseBlobAction{}
		r.Definition.Actions.BaseBlob.Delete.Days = days
	}
	p.list = append(p.list, r)
}

// String returns the document, in lines.
func (p *LifecyclePolicy) String() string {
	doc, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err.Error() // there is nothing in it that could not be written
	}
	return string(doc)
}

// MarshalJSON returns the document.
func (p *LifecyclePolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Rules []policyRule `json:"rules"`
	}{p.list})
}

// isContainer reports whether name can be a container's: 3 to 63 bytes of a-z, 0-9 and -, with a letter or a digit on both sides of each -. The service's own ($web, $logs)
// are no place for a policy.
func isContainer(name string) bool {
	if len(name) < 3 || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' || strings.Contains(name, "--") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
