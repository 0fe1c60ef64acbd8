package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What an operator does to a campaign stands in a script; the drawing has it too.
func TestTheDrawnCampaignIsTheScripts(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root, "internal", "campaign", "lua", "life.lua"))
	if err != nil {
		t.Fatal(err)
	}
	to := map[string]string{}
	_, targets, _ := strings.Cut(string(script), "local TO = {")
	targets, _, _ = strings.Cut(targets, "}")
	for _, m := range regexp.MustCompile(`(\w+) = '(\w+)'`).FindAllStringSubmatch(targets, -1) {
		to[m[1]] = m[2]
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^  (\w+) = \{(.*true)\},$`).FindAllStringSubmatch(string(script), -1) {
		for _, from := range regexp.MustCompile(`(\w+) = true`).FindAllStringSubmatch(m[2], -1) {
			want = append(want, from[1]+" --> "+to[m[1]]+": "+m[1])
		}
	}
	if len(want) < 8 {
		t.Fatalf("the script has only %q: it is written another way now", want)
	}
	got := drawn(read(t, "docs/architecture.md"), slices.Collect(maps.Keys(to)))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("docs/architecture.md draws\n%s\nand life.lua has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// drawn are the arrows of the drawings that bear one of the verbs alone.
func drawn(d document, verbs []string) []string {
	var all []string
	for _, b := range d.blocks() {
		for line := range strings.Lines(b.text) {
			_, verb, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if b.language == "mermaid" && slices.Contains(verbs, verb) {
				all = append(all, strings.TrimSpace(line))
			}
		}
	}
	slices.Sort(all)
	return all
}
