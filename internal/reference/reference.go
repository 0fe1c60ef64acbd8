// Package reference keeps the documents equal to the programs: a document has
// sections that are written from the code, and a test of the code compares them.
//
// It promises that a document does not fall behind: whoever changes a flag, a
// key, a metric or an answer is told by a test which file is wrong, and how to
// renew it. Its weak spot: what stands around a section is written by hand, and
// compared with nothing.
package reference

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the sections of documents that come from the code anew")

// Section wants the section of that name in the document at path to be text.
// It stands between <!-- name --> and <!-- /name -->. With -update it is
// written, and the rest of the document stays.
func Section(t testing.TB, path, name, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.ReplaceAll(string(b), "\r\n", "\n")
	start, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(doc, start)
	got, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no section %s: it begins with  %s and ends with  %s", path, name, strings.TrimSpace(start), strings.TrimSpace(end))
	}
	want := "\n" + strings.Trim(text, "\n") + "\n\n" // or Markdown takes it for HTML
	if got == want {
		return
	}
	if !*update {
		t.Errorf("%s, section %s, is not what the code says. Renew it with  go generate ./...\n%s", path, name, differs(got, want))
		return
	}
	if err := os.WriteFile(path, []byte(before+start+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// differs shows the first line that is not the same.
func differs(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if line(g, i) != line(w, i) {
			return "document: " + line(g, i) + "\ncode:     " + line(w, i)
		}
	}
	return ""
}

func line(all []string, i int) string {
	if i >= len(all) {
		return "(the end)"
	}
	return all[i]
}

// Table returns a table in Markdown.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	row := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	row(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, cells := range rows {
		row(cells)
	}
	return b.String()
}
