package archtest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rekeyhq/rekey/"

// allowed lists, for every package, the packages of this module that its code
// (without tests) may import. A package that is not listed is an error too, so
// that a new one is placed on purpose.
var allowed = map[string][]string{
	"internal/reset":                 {},
	"internal/roster":                {"internal/reset"},
	"internal/campaign":              {"internal/reset", "internal/roster"},
	"internal/ratelimit":             {},
	"internal/breaker":               {"internal/reset"},
	"internal/cognito":               {"internal/reset"},
	"internal/config":                {},
	"internal/cognitosim":            {},
	"internal/child":                 {},
	"internal/embedredis":            {"internal/child"},
	"internal/archtest":              {},
	"internal/tracing":               {},
	"internal/reference":             {},
	"internal/cli":                   {"internal/config"},
	"internal/redistest":             {"internal/embedredis"},
	"internal/cognitosim/simtest":    {"internal/cognitosim"},
	"internal/campaign/campaigntest": {"internal/campaign", "internal/roster"},
	"internal/scripttest":            {"internal/reset", "internal/roster", "internal/campaign", "internal/config", "internal/cli", "internal/embedredis"},
	// The conductor.
	"internal/tasks": {"internal/reset", "internal/roster", "internal/campaign", "internal/ratelimit", "internal/breaker", "internal/cognito"},

	"cmd/worker": {
		"internal/tasks", "internal/reset", "internal/roster", "internal/campaign", "internal/ratelimit", "internal/breaker", "internal/cognito",
		"internal/config", "internal/cli", "internal/cognitosim", "internal/embedredis", "internal/tracing",
	},
	"cmd/enqueue":    {"internal/reset", "internal/roster", "internal/campaign", "internal/ratelimit", "internal/config", "internal/cli"},
	"cmd/campaign":   {"internal/reset", "internal/roster", "internal/campaign", "internal/ratelimit", "internal/config", "internal/cli"},
	"cmd/cognitosim": {"internal/cognitosim", "internal/cli"},
}

// only lists who may import what from outside: what is behind a prefix is the
// business of these packages alone.
var only = map[string][]string{
	"github.com/hibiken/asynq": {"internal/tasks", "cmd/worker"},
	"github.com/aws/":          {"internal/cognito"},
	"github.com/redis/go-redis/": {
		"internal/campaign", "internal/ratelimit", "internal/tasks", "internal/redistest", "internal/scripttest", "internal/embedredis", "internal/cli",
		"cmd/worker", "cmd/enqueue", "cmd/campaign",
	},
	"go.opentelemetry.io/otel/":     {"internal/tracing", "internal/tasks", "cmd/worker"},
	"go.opentelemetry.io/otel/sdk/": {"internal/tracing"},
	"github.com/sony/gobreaker/":    {"internal/breaker"},
	"github.com/cenkalti/backoff/":  {"internal/tasks", "internal/ratelimit"},
	"github.com/alicebob/":          {"internal/embedredis", "internal/redistest"},
	"testing":                       {"internal/redistest", "internal/campaign/campaigntest", "internal/scripttest", "internal/cognitosim/simtest", "internal/reference"},
}

type pkg struct {
	path    string
	imports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./cmd/...", "./internal/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		all = append(all, pkg{strings.TrimPrefix(words[0], module), words[1:]})
	}
	return all
}

func TestOnlyTheDesignsArrowsExist(t *testing.T) {
	for _, p := range packages(t) {
		may, known := allowed[p.path]
		if !known {
			t.Errorf("%s is not in the table: say what it may import", p.path)
		}
		for _, imp := range p.imports {
			inner, ours := strings.CutPrefix(imp, module)
			if ours && !slices.Contains(may, inner) {
				t.Errorf("%s imports %s", p.path, inner)
			}
		}
	}
}

func TestOutsideLibrariesStayWithTheirPackages(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.imports {
			for prefix, may := range only {
				if behind(imp, prefix) && !slices.Contains(may, p.path) {
					t.Errorf("%s imports %s, which is for %s", p.path, imp, strings.Join(may, ", "))
				}
			}
		}
	}
}

// behind treats a prefix without a slash at its end as one package's whole path.
func behind(imp, prefix string) bool {
	if strings.HasSuffix(prefix, "/") {
		return strings.HasPrefix(imp, prefix)
	}
	return imp == prefix
}

func TestTheLeafNeedsOnlyTheStandardLibrary(t *testing.T) {
	for _, p := range packages(t) {
		if p.path != "internal/reset" {
			continue
		}
		for _, imp := range p.imports {
			if strings.Contains(imp, ".") {
				t.Errorf("internal/reset imports %s", imp)
			}
		}
	}
}
