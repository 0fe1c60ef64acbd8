package deploy

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rekeyhq/rekey/internal/config"
)

const chart = "helm/rekey"

// template renders the chart, with the helm that REKEY_TEST_HELM names: too big
// a program to be built for `go test ./...`; .ci/deploy builds it.
func template(t *testing.T, args ...string) (string, error) {
	t.Helper()
	helm := os.Getenv("REKEY_TEST_HELM")
	if helm == "" {
		t.Skip("REKEY_TEST_HELM names no helm")
	}
	out, err := exec.CommandContext(t.Context(), helm, append([]string{"template", "rekey", chart}, args...)...).CombinedOutput()
	return string(out), err
}

// render is [template] where nothing may go wrong: the objects by their kind.
func render(t *testing.T, args ...string) map[string]map[string]any {
	t.Helper()
	out, err := template(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all := map[string]map[string]any{}
	for text := range strings.SplitSeq(out, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		all[object["kind"].(string)] = object
	}
	return all
}

// at follows keys and numbers into what YAML holds.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v = v.(map[string]any)[p]
		case int:
			v = v.([]any)[p]
		}
	}
	return v
}

func with(name string) []string {
	return []string{"--values", filepath.Join(chart, "ci", name+"-values.yaml")}
}

var secretFile = regexp.MustCompile(`/run/secrets/[a-z0-9-]+`)

// secretFor is what a file of that name could hold.
func secretFor(name string) string {
	if !strings.HasPrefix(name, "roster-key") {
		return strings.ReplaceAll(name, "-", "")
	}
	key := make([]byte, 32)
	copy(key, name)
	return base64.StdEncoding.EncodeToString(key)
}

// loaded is the file of the release as a worker reads it, with the secrets that
// it names.
func loaded(t *testing.T, args ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	text := secretFile.ReplaceAllStringFunc(at(render(t, args...)["ConfigMap"], "data", "rekey.yaml").(string), func(path string) string {
		path = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(path, []byte(secretFor(filepath.Base(path))), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	})
	file := filepath.Join(dir, "rekey.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, func(string) string { return "" })
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return c
}

func TestAWorkerReadsInTheChartsFileWhatTheValuesSay(t *testing.T) {
	t.Parallel()
	c := loaded(t, with("full")...)
	p := c.Pools["prod"]
	for what, pair := range map[string][2]any{
		"redis":               {c.Redis.String(), "rediss+sentinel://s1:26380,s2.redis.svc:26379/main/2"},
		"listen":              {c.Listen, ":9464"},
		"roster keys":         {len(c.RosterKeys), 2},
		"a client of digits":  {p.ClientID, "12345678901234567890123456"},
		"a client like a 1e5": {c.Pools["rehearsal"].ClientID, "1e5"},
		"client secrets":      {len(p.ClientSecrets), 2},
		"a Lambda's words":    {strings.Join(p.LambdaRefusals, "|"), "not allowed to reset: #{reason}|yes"},
		"the day's budget":    {c.QuotaOf(p).Daily, 2_000_000},
		"retention":           {p.Retention.String(), "2160h0m0s"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
	if least := loaded(t, with("minimal")...); least.Pools["prod"].Region != "eu-west-1" || least.Listen != ":9464" {
		t.Errorf("of the least it reads %+v", least)
	}
}

func TestAnotherFileIsAnotherPod(t *testing.T) {
	t.Parallel()
	sum := func(args ...string) any {
		d := render(t, append(with("minimal"), args...)...)["Deployment"]
		return at(d, "spec", "template", "metadata", "annotations", "checksum/config")
	}
	if one := sum(); one != sum("--set", "replicas=5") || one == sum("--set", "config.wait_replicas=1") {
		t.Error("pods are not made anew when, and only when, the file changes")
	}
}

func TestAReleaseThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing said":        {nil, "/config/pools"},
		"no image":            {nil, "/image/repository"},
		"a mistyped key":      {append(with("minimal"), "--set", "config.reids=x"), "reids"},
		"a mistyped value":    {append(with("minimal"), "--set", "replicsa=3"), "replicsa"},
		"a client's number":   {append(with("minimal"), "--set", "config.pools.prod.client_id=123456"), "/config/pools/prod/client_id"},
		"a password in clear": {append(with("minimal"), "--set", "config.redis=redis://u:hunter2@h"), "/config/redis"},
		"no time to drain":    {append(with("minimal"), "--set", "terminationGracePeriodSeconds=10"), "/terminationGracePeriodSeconds"},
	} {
		out, err := template(t, c.args...)
		if err == nil || !strings.Contains(strings.ReplaceAll(out, ".", "/"), c.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestTheNetworkPolicyLetsOutToTheRedisThatTheFileNames(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]int{
		"redis://h":                         {6379},
		"rediss://u@h:6380/0":               {6380},
		"redis+cluster://a:7000,b:7000,c":   {7000, 6379},
		"redis+sentinel://a,b:26380/main/0": {26379, 26380, 6379},
		"redis://[fd00::1]:6390/0":          {6390},
		"redis://[fd00::1]/0":               {6379},
	} {
		escaped := strings.ReplaceAll(address, ",", `\,`)
		rules := at(render(t, append(with("minimal"), "--set", "config.redis="+escaped)...)["NetworkPolicy"], "spec", "egress", 1, "ports")
		var got []int
		for _, p := range rules.([]any) {
			got = append(got, at(p, "port").(int))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: ports %v, want %v", address, got, want)
		}
	}
}

// TestTheSchemaOfValuesKnowsEveryKeyOfTheFile: docs/reference is held to the
// parser by internal/config.
func TestTheSchemaOfValuesKnowsEveryKeyOfTheFile(t *testing.T) {
	t.Parallel()
	var schema struct {
		Properties struct {
			Config struct{ Properties map[string]any }
		}
		Definitions map[string]struct{ Properties map[string]any }
	}
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	known := []string{"listen"} // the chart's to say
	for name, keys := range map[string]map[string]any{
		"": schema.Properties.Config.Properties, "pools.POOL.": schema.Definitions["pool"].Properties, "quotas.QUOTA.": schema.Definitions["quota"].Properties,
	} {
		for key := range maps.Keys(keys) {
			known = append(known, name+key)
		}
	}
	documented := []string{"pools"} // which the reference explains by its pool
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z_.]+)` \\|").FindAllStringSubmatch(read(t, "../docs/reference/configuration.md"), -1) {
		if key := m[1]; key != "pools.POOL" && !strings.HasPrefix(key, "REKEY_") {
			documented = append(documented, key)
		}
	}
	slices.Sort(known)
	slices.Sort(documented)
	if !slices.Equal(known, documented) {
		t.Errorf("the schema knows\n%v\nand the reference\n%v", known, documented)
	}
}

// TestTheImageAndTheChartAgree: the user and the port that the image is made for.
func TestTheImageAndTheChartAgree(t *testing.T) {
	t.Parallel()
	image := read(t, "Dockerfile")
	d := render(t, with("minimal")...)["Deployment"]
	pod := at(d, "spec", "template", "spec")
	user := strconv.Itoa(at(pod, "securityContext", "runAsUser").(int))
	port := strconv.Itoa(at(pod, "containers", 0, "ports", 0, "containerPort").(int))
	if !strings.Contains(image, "\nUSER "+user+":"+user+"\n") || !strings.Contains(image, "\nEXPOSE "+port+"\n") {
		t.Errorf("the chart runs user %s and port %s, the image is made for others", user, port)
	}
}
