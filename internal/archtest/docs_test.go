package archtest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reference"
)

//go:generate go test -run ^TestTheDocumented -update .

func TestTheDocumentedArrowsAreThose(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for _, p := range slices.Sorted(maps.Keys(allowed)) {
		rows = append(rows, []string{"`" + p + "`", strings.Join(shortened(allowed[p]), " "), strings.Join(outside(p), " ")})
	}
	reference.Section(t, "../../docs/architecture.md", "arrows", reference.Table([]string{"package", "may import", "and alone, or with few, from outside"}, rows))
}

// shortened are packages without the directory that most of them are in.
func shortened(packages []string) []string {
	var all []string
	for _, p := range packages {
		all = append(all, strings.TrimPrefix(p, "internal/"))
	}
	return all
}

// outside are the libraries that few may import, and p is one of them.
func outside(p string) []string {
	var all []string
	for _, prefix := range slices.Sorted(maps.Keys(only)) {
		if slices.Contains(only[prefix], p) {
			all = append(all, strings.TrimSuffix(strings.TrimPrefix(prefix, "github.com/"), "/"))
		}
	}
	return all
}
