package deploy

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/config"
)

// instruction is one of the Dockerfile's, on however many lines.
type instruction struct {
	word, rest string
	stage      int // 1 is built in, the last is shipped
}

// image reads the Dockerfile: no engine, and no helm, is needed for these tests.
func image(t *testing.T) (all []instruction) {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "Dockerfile"), "")
	stage := 0
	for line := range strings.Lines(regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "FROM" {
			stage++
		}
		if word != "" {
			all = append(all, instruction{word, rest, stage})
		}
	}
	return all
}

// shipped is the one instruction of that word in the last stage.
func shipped(t *testing.T, word string) string {
	t.Helper()
	all := image(t)
	last := all[len(all)-1].stage
	var found []string
	for _, i := range all {
		if i.word == word && i.stage == last {
			found = append(found, i.rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d times %s in what is shipped", len(found), word)
	}
	return found[0]
}

func TestTheImageRunsAsTheChartsUserWhoIsNotRoot(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`^([1-9][0-9]*):([1-9][0-9]*)$`).FindStringSubmatch(shipped(t, "USER"))
	if m == nil {
		t.Fatalf("USER %s: Kubernetes cannot tell that it is not root", shipped(t, "USER"))
	}
	if !strings.Contains(read(t, chart+"/templates/deployment.yaml"), "runAsUser: "+m[1]+"\n") {
		t.Errorf("the chart does not run it as user %s", m[1])
	}
}

// TestTheImagesPortIsTheOneThatWorkersListenOn: by themselves, as Compose sets
// it, and as the chart does.
func TestTheImagesPortIsTheOneThatWorkersListenOn(t *testing.T) {
	t.Parallel()
	port := shipped(t, "EXPOSE")
	c, err := config.Load("rekey.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if _, listens, err := net.SplitHostPort(c.Listen); err != nil || listens != port {
		t.Errorf("a worker listens on %s, the image exposes %s", c.Listen, port)
	}
	for path, want := range map[string]string{
		"compose.yaml":                  "REKEY_LISTEN: 0.0.0.0:" + port + "\n",
		"compose.demo.yaml":             "REKEY_LISTEN: 0.0.0.0:" + port + "\n",
		chart + "/templates/_names.tpl": `{{- define "rekey.port" -}}` + port + "{{- end }}",
	} {
		if !strings.Contains(read(t, path), want) {
			t.Errorf("%s does not say %s", path, want)
		}
	}
}

// programs are the image's, each with its directory in cmd.
func programs(t *testing.T) map[string]string {
	t.Helper()
	built := map[string]string{}
	for _, i := range image(t) {
		list := regexp.MustCompile(`for pair in ([a-z: ]+);`).FindStringSubmatch(i.rest)
		if i.word != "RUN" || list == nil {
			continue
		}
		for pair := range strings.FieldsSeq(list[1]) {
			dir, name, _ := strings.Cut(pair, ":")
			built["rekey-"+name] = dir
		}
	}
	if len(built) == 0 {
		t.Fatal("the image builds no program")
	}
	return built
}

func TestWhatTheImageRunsIsInIt(t *testing.T) {
	t.Parallel()
	built := programs(t)
	for name, dir := range built {
		if _, err := os.Stat(filepath.Join("../cmd", dir, "main.go")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, check, ok := strings.Cut(shipped(t, "HEALTHCHECK"), " CMD ")
	if !ok {
		t.Fatal("HEALTHCHECK runs nothing")
	}
	var health, command []string
	for text, into := range map[string]*[]string{check: &health, shipped(t, "CMD"): &command} {
		// There is no shell in it to take anything else.
		if err := json.Unmarshal([]byte(text), into); err != nil || len(*into) == 0 || built[(*into)[0]] == "" {
			t.Errorf("%s: no program of the image's as a list of words (%v)", text, err)
		}
	}
	if want := []string{"rekey-worker", "health", "--live"}; !slices.Equal(health, want) {
		t.Fatalf("its health is %q", health)
	}
	_, section, ok := strings.Cut(read(t, "../docs/reference/commands.md"), "\n### worker health\n")
	section, _, _ = strings.Cut(section, "\n### ")
	if !ok || !strings.Contains(section, "--live") {
		t.Error("there is no  worker health --live")
	}
}

// TestTheImagesProgramsAreStatic: there is no C library in what is shipped.
func TestTheImagesProgramsAreStatic(t *testing.T) {
	t.Parallel()
	if from := shipped(t, "FROM"); from != "scratch" {
		t.Errorf("it is made of %s", from)
	}
	set := slices.IndexFunc(image(t), func(i instruction) bool {
		return i.word == "ENV" && slices.Contains(strings.Fields(i.rest), "CGO_ENABLED=0")
	})
	build := slices.IndexFunc(image(t), func(i instruction) bool { return strings.Contains(i.rest, "go build") })
	if set < 0 || build < set {
		t.Error("CGO_ENABLED=0 does not stand before go build")
	}
}

// TestTheImageIsBuiltOfWhatItsContextHolds: .dockerignore lets in what is named.
func TestTheImageIsBuiltOfWhatItsContextHolds(t *testing.T) {
	t.Parallel()
	context := strings.Fields(read(t, "../.dockerignore"))
	if context[0] != "*" {
		t.Fatalf(".dockerignore begins with %s and not with all", context[0])
	}
	var copied []string
	for _, i := range image(t) {
		words := strings.Fields(i.rest)
		if i.word != "COPY" || strings.HasPrefix(words[0], "--from=") {
			continue
		}
		copied = append(copied, words[:len(words)-1]...)
	}
	for _, source := range copied {
		if _, err := os.Stat(filepath.Join("..", source)); err != nil || !slices.Contains(context, "!"+source) {
			t.Errorf("COPY %s: .dockerignore keeps it out, or it is not there (%v)", source, err)
		}
	}
	for _, dir := range compiled(t) {
		top, _, _ := strings.Cut(dir, "/")
		if !slices.Contains(copied, top) {
			t.Errorf("the programs are made of %s too, which is not copied", dir)
		}
	}
}

// compiled are the directories of ours that the programs are made of.
func compiled(t *testing.T) []string {
	t.Helper()
	args := []string{"list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}"}
	for _, dir := range programs(t) {
		args = append(args, "../cmd/"+dir)
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(out), "github.com/rekeyhq/rekey/", ""))
}
