package docs

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
)

// The reference is written from the programs, so what it has they have.
const reference = "docs/reference/commands.md"

// programs are the names as built, by all the names that documents use.
var programs = map[string]string{
	"worker": "worker", "enqueue": "enqueue", "campaign": "campaign", "cognitosim": "cognitosim",
	"rekey-worker": "worker", "rekey-enqueue": "enqueue", "rekey-campaign": "campaign", "rekey-sim": "cognitosim",
}

// flags are those of every command, by its words: "campaign show".
type flags map[string][]string

func TestEveryCommandThatIsNamedExists(t *testing.T) {
	t.Parallel()
	known := commands(t)
	seen := 0
	for _, d := range documents(t) {
		for _, line := range d.shell() {
			for _, words := range calls(line) {
				seen++
				if why := known.refuse(words); why != "" {
					t.Errorf("%s: %s: %s", d.path, strings.Join(words, " "), why)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands were found", seen)
	}
}

// commands reads the reference: a heading for each command, its flags in a table.
func commands(t *testing.T) flags {
	t.Helper()
	known := flags{}
	current := ""
	d := read(t, reference)
	flag := regexp.MustCompile("^\\| `(--[a-z-]+)")
	for line := range strings.Lines(string(d.source)) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			current = strings.TrimSpace(heading)
			known[current] = nil
		}
		if m := flag.FindStringSubmatch(line); m != nil {
			known[current] = append(known[current], m[1])
		}
	}
	return known
}

// shell are a document's lines of shell: those of blocks, and code within text.
func (d document) shell() []string {
	var all []string
	for _, b := range d.blocks() {
		if b.language == "sh" || b.language == "console" {
			joined := strings.ReplaceAll(b.text, "\\\n", " ")
			all = append(all, strings.Split(joined, "\n")...)
		}
	}
	each(d, func(c *ast.CodeSpan) { all = append(all, plain(c, d.source)) })
	return all
}

var separator = regexp.MustCompile(`[|;&()]+`)

// calls are the commands of a line that run a program of rekey's.
func calls(line string) [][]string {
	line, _, _ = strings.Cut(line, " #")
	var all [][]string
	for part := range strings.SplitSeq(separator.ReplaceAllString(line, "\n"), "\n") {
		words := strings.Fields(part)
		for i, w := range words {
			name, known := programs[path.Base(w)]
			if known && (i == 0 || !strings.HasPrefix(w, "-")) && len(words) > i+1 {
				all = append(all, append([]string{name}, words[i+1:]...))
				break
			}
		}
	}
	return all
}

var subcommand = regexp.MustCompile(`^[a-z]+$`)

// refuse says what is wrong with a command, if anything.
func (known flags) refuse(words []string) string {
	command := words[0]
	may := []string{"--config", "--help", "--version"}
	if command == "campaign" {
		may = append(may, "--pool")
	}
	if subcommand.MatchString(words[1]) && command != "enqueue" {
		command += " " + words[1]
	}
	if strings.HasSuffix(command, " completion") || strings.HasSuffix(command, " man") {
		return ""
	}
	own, ok := known[command]
	if !ok {
		return "no such command"
	}
	for _, w := range words[1:] {
		flag, _, _ := strings.Cut(strings.Trim(w, "[],."), "=")
		if strings.HasPrefix(flag, "--") && !slices.Contains(own, flag) && !slices.Contains(may, flag) {
			return "no such flag: " + flag
		}
	}
	return ""
}

func TestACommandThatDoesNotExistIsSeen(t *testing.T) {
	t.Parallel()
	known := commands(t)
	for line, want := range map[string]string{
		"campaign shw ID":                                      "no such command",
		"$ bin/campaign show ID --all":                         "no such flag: --all",
		"rekey-campaign pause --all --wait --reason why":       "",
		"psql | bin/enqueue --campaign x --confrm 3 -":         "no such flag: --confrm",
		"docker compose run --rm campaign list --state halted": "",
		"kubectl exec deploy/rekey -- rekey-worker chek":       "no such command",
		"cognitosim users --users 5 > users.csv":               "",
	} {
		got := ""
		for _, words := range calls(line) {
			got += known.refuse(words)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
