// Package deploy holds what rekey is run with. These tests hold it to what the
// programs are: an alert on a metric that does not exist never fires.
package deploy

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/tasks"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// alert is a rule of rules.yaml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there is no alert")
	}
	return all
}

func TestEveryAlertHasASeverityASummaryAndASectionInTheRunbook(t *testing.T) {
	t.Parallel()
	runbook := read(t, "../docs/runbook.md")
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: its severity is %q", a.Alert, s)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: no summary or no description", a.Alert)
		}
		page, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "#")
		if !strings.HasSuffix(page, "/docs/runbook.md") || anchor != strings.ToLower(a.Alert) {
			t.Errorf("%s: the runbook is %s#%s", a.Alert, page, anchor)
		}
		if !strings.Contains(runbook, "\n## "+a.Alert+"\n") {
			t.Errorf("%s has no section in the runbook", a.Alert)
		}
	}
}

func TestEveryAlertIsSeenToFireAndNotToFire(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/rules_test.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			fires[c.Alert] = fires[c.Alert] || len(c.Fires) > 0
			silent[c.Alert] = silent[c.Alert] || len(c.Fires) == 0
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: a case in which it fires %v, one in which it does not %v", a.Alert, fires[a.Alert], silent[a.Alert])
		}
	}
}

// That the expression gives 0 without workers promtool sees, in rules_test.yaml.
func TestTheDashboardsWorkersAreTheExpressionThatIsTestedToSayZero(t *testing.T) {
	t.Parallel()
	first := strings.ReplaceAll(panels(t)[0], "$pool", ".*")
	if !strings.HasPrefix(first, "max by (pool) (rekey_workers{") || !strings.Contains(read(t, "prometheus/rules_test.yaml"), "'"+first+"'") {
		t.Errorf("the dashboard begins with another one: %s", first)
	}
}

var composed = regexp.MustCompile(`docker compose -f deploy/compose\.yaml (?:run --rm|exec) (\w+)(?: (rekey-\w+))?`)

// A service whose entrypoint is another program cannot stand for this one.
func TestTheRunbookHasAFormForContainersOfEachProgramThatItNames(t *testing.T) {
	t.Parallel()
	runbook := read(t, "../docs/runbook.md")
	var file struct {
		Services map[string]struct{ Entrypoint []string }
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	runs := map[string]bool{}
	for _, form := range composed.FindAllStringSubmatch(runbook, -1) {
		service, known := file.Services[form[1]]
		program := strings.Join(append(service.Entrypoint, form[2]), "")
		if !known || program == "" {
			t.Errorf("%s: no such service, or nothing that it runs", form[0])
		}
		runs[program] = true
	}
	for _, program := range regexp.MustCompile(`\brekey-(?:worker|campaign|enqueue)\b`).FindAllString(runbook, -1) {
		if !runs[program] {
			t.Fatalf("%s has no form for Compose; there are %v", program, runs)
		}
	}
}

// TestEveryMetricOfAlertsAndDashboardExists: cmd/worker's tests hold the
// description to what a worker serves.
func TestEveryMetricOfAlertsAndDashboardExists(t *testing.T) {
	t.Parallel()
	labels := described()
	for where, exprs := range map[string][]string{"rules.yaml": expressions(alerts(t)), "the dashboard": panels(t)} {
		if len(exprs) == 0 {
			t.Errorf("%s asks for nothing", where)
		}
		for _, expr := range exprs {
			for _, fault := range wrong(expr, labels) {
				t.Errorf("%s: %s", where, fault)
			}
		}
	}
}

var (
	series  = regexp.MustCompile(`\b(rekey_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
)

// wrong says what in an expression is no metric, or no label of one.
func wrong(expr string, labels map[string][]string) (faults []string) {
	found := series.FindAllStringSubmatch(expr, -1)
	if len(found) == 0 {
		faults = append(faults, "no metric of rekey's in "+expr)
	}
	for _, m := range found {
		has, known := labels[m[1]]
		if !known {
			faults = append(faults, "no metric "+m[1])
			continue
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(has, l[1]) {
				faults = append(faults, m[1]+" has no label "+l[1])
			}
		}
	}
	return faults
}

func TestAMetricOrLabelThatDoesNotExistIsFound(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{`rekey_nonsense > 0`, `rekey_rate{pool="prod"}`, `up == 0`, `rekey_call_seconds`} {
		if len(wrong(expr, described())) == 0 {
			t.Errorf("%s is taken", expr)
		}
	}
}

func described() map[string][]string {
	labels := map[string][]string{}
	for _, m := range tasks.Described() {
		has := append(slices.Clone(m.Labels), "instance", "job")
		if m.Type != "histogram" {
			labels[m.Name] = has
			continue
		}
		labels[m.Name+"_bucket"] = append(slices.Clone(has), "le")
		labels[m.Name+"_sum"], labels[m.Name+"_count"] = has, has
	}
	return labels
}

func expressions(all []alert) (exprs []string) {
	for _, a := range all {
		exprs = append(exprs, a.Expr)
	}
	return exprs
}

func panels(t *testing.T) (exprs []string) {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/rekey.json")), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			exprs = append(exprs, target.Expr)
		}
	}
	return exprs
}

func TestRedisMdQuotesTheUsersThatThereAre(t *testing.T) {
	t.Parallel()
	users := strings.TrimSpace(read(t, "users.acl"))
	if !strings.Contains(read(t, "../docs/redis.md"), "```\n"+users+"\n```\n") {
		t.Error("docs/redis.md does not quote deploy/users.acl as it is")
	}
}

// TestWhatRedisMdWantsIsSet: the three settings without which nothing holds.
func TestWhatRedisMdWantsIsSet(t *testing.T) {
	t.Parallel()
	_, rest, ok := strings.Cut(read(t, "../docs/redis.md"), "## What it must be set to\n\n```\n")
	block, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/redis.md does not say what Redis must be set to")
	}
	for line := range strings.Lines(block) {
		if !strings.Contains(read(t, "redis.conf"), "\n"+line) {
			t.Errorf("redis.conf does not set %s", line)
		}
	}
}

func TestTheConfigurationsThatAreShippedAreRead(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for _, path := range []string{"rekey.yaml", "demo/rekey.yaml"} {
		c, err := config.Load(path, none)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(c.Pools) != 1 {
			t.Errorf("%s: pools %v", path, c.Pools)
		}
	}
}
