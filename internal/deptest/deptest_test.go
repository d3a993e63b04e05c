package deptest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/genesys/voicemail"

func TestTheModuleLinksWhatItMayOnly(t *testing.T) {
	Check(t, module+"/...",
		Rule{
			Packages: []string{
				module, module + "/storage", module + "/mwi/...", module + "/gdpr/...", module + "/asterisk/...",
				module + "/storage/pvstore/...", module + "/storage/memstore/...", module + "/storage/faultstore/...",
			},
			Only: []string{module + "/...", "github.com/google/uuid"},
			Why:  "an application that keeps its voicemail on a volume must not pay for a cloud's SDK, in size or in security updates",
		},
		Rule{
			Packages: []string{module + "/access"},
			Only:     []string{module + "/...", "golang.org/x/crypto/argon2", "golang.org/x/crypto/blake2b", "golang.org/x/sys/cpu", "github.com/google/uuid"},
			Why:      "who verifies PINs pays for the hash, and for nothing else",
		},
		Rule{
			Packages: []string{module + "/internal/watch"},
			Only:     []string{module + "/...", "github.com/google/uuid"},
			Why:      "metrics must not bring traces along, nor traces metrics",
		},
		Rule{
			Packages: []string{module + "/metrics"},
			Only: []string{
				module + "/...", "github.com/google/uuid", "github.com/prometheus/...", "github.com/beorn7/perks/quantile", "github.com/cespare/xxhash/v2",
				"github.com/munnerz/goautoneg", "go.yaml.in/yaml/v2", "golang.org/x/sys/unix", "google.golang.org/protobuf/...",
			},
			Why: "who counts pays for Prometheus, and for nothing else",
		},
		Rule{
			Packages: []string{module + "/tracing"},
			Only: []string{
				module + "/...", "github.com/google/uuid", "github.com/cespare/xxhash/v2",
				"go.opentelemetry.io/otel/attribute/...", "go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/metric/...", "go.opentelemetry.io/otel/trace/...",
				"go.opentelemetry.io/otel/semconv/...",
			},
			Why: "the application brings the SDK and the exporter, and nothing is taken from OpenTelemetry's globals",
		},
		Rule{
			Packages: []string{module + "/..."},
			Except:   []string{module + "/storage/storagetest", module + "/internal/servicetest", module + "/internal/gdprtest"}, // which are for tests
			Forbid:   []string{"github.com/stretchr/...", "go.uber.org/goleak/...", "pgregory.net/rapid/..."},
			Why:      "what tests use must not end up in an application",
		},
		Rule{
			Packages: []string{module + "/examples/..."},
			Except:   []string{module + "/examples/internal/openapi"}, // which is for tests
			Forbid:   []string{"go.yaml.in/yaml/v3/...", module + "/examples/internal/gws/fakegws"},
			Why:      "what tests use must not end up in an application",
		},
		Rule{
			Packages: []string{module + "/storage/..."},
			Forbid:   []string{module, module + "/mwi/...", module + "/gdpr/..."},
			Why:      "imports run one way: a storage knows nothing of voicemail, so that a stranger can write one",
		},
		Rule{
			Packages: []string{module},
			Forbid:   []string{module + "/mwi/...", module + "/gdpr/...", module + "/asterisk/...", module + "/access/...", module + "/metrics/...", module + "/tracing/..."},
			Why:      "imports run one way: notification, erasure, migration, PINs and telemetry stand on the mailboxes, which do without them",
		},
		Rule{
			Packages: []string{module, module + "/mwi/...", module + "/gdpr/...", module + "/asterisk/...", module + "/access/...", module + "/metrics/...", module + "/tracing/..."},
			Forbid: []string{
				module + "/storage/pvstore/...", module + "/storage/memstore/...", module + "/storage/faultstore/...",
				module + "/storage/blobstore/...", module + "/storage/s3store/...", module + "/storage/storagetest/...",
			},
			Why: "the application chooses the storage",
		},
	)
}

func TestARuleNamesWhatBreaksItWhyAndHow(t *testing.T) {
	g := graph{
		"m":         {"fmt", "m/storage", "x.org/ok"},
		"m/gdpr":    {"m", "m/cloud"},
		"m/cloud":   {"x.org/sdk"},
		"m/storage": {},
		"x.org/ok":  {"x.org/ok/internal"},
		"x.org/sdk": {"x.org/sdk/arrow"},

		"x.org/ok/internal": {}, "x.org/sdk/arrow": {},
	}
	for _, tt := range []struct {
		name string
		rule Rule
		want []string
	}{
		{"through another package", Rule{Packages: []string{"m/gdpr"}, Forbid: []string{"x.org/sdk"}, Why: "it is large"},
			[]string{"m/gdpr must not link x.org/sdk: it is large\n\tm/gdpr\n\timports m/cloud\n\timports x.org/sdk"}},
		{"a package that does not link it", Rule{Packages: []string{"m"}, Forbid: []string{"x.org/sdk/..."}}, nil},
		{"a package excepted", Rule{Packages: []string{"m/..."}, Except: []string{"m/gdpr", "m/cloud"}, Forbid: []string{"x.org/sdk/..."}}, nil},
		{"a package that does not exist yet", Rule{Packages: []string{"m/mwi"}, Forbid: []string{"m"}}, nil},
		{"only these, and they link more", Rule{Packages: []string{"m"}, Only: []string{"m/...", "x.org/ok"}, Why: "few"},
			[]string{"m must not link x.org/ok/internal: few\n\tm\n\timports x.org/ok\n\timports x.org/ok/internal"}},
		{"only these and what is below them", Rule{Packages: []string{"m"}, Only: []string{"m/...", "x.org/ok/..."}}, nil},
		{"a name that starts alike", Rule{Packages: []string{"m/gdpr"}, Forbid: []string{"x.org/s/...", "m/clou"}}, nil},
		{"nothing but the standard library", Rule{Packages: []string{"m/storage"}, Only: []string{"std"}}, nil},
	} {
		assert.Equal(t, tt.want, g.check([]Rule{tt.rule}), tt.name)
	}
}

func TestAnUnreadableListIsAnError(t *testing.T) {
	_, err := parse(strings.NewReader(`{"ImportPath": "m"} {`))
	require.Error(t, err)
	_, err = parse(strings.NewReader(`{"ImportPath": "fmt", "Standard": true}`))
	require.ErrorContains(t, err, "no packages")
	_, err = load(t, "nowhere.invalid/none")
	require.ErrorContains(t, err, "go list")
}

func TestThisPackageIsFoundToLinkTesting(t *testing.T) {
	g, err := load(t, module+"/internal/deptest")
	require.NoError(t, err)
	assert.Equal(t, graph{module + "/internal/deptest": g[module+"/internal/deptest"]}, g)
	assert.Contains(t, g[module+"/internal/deptest"], "testing")
}
