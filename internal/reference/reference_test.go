package reference

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// failures is a test that only takes note.
type failures struct {
	testing.TB
	said string
}

func (f *failures) Helper()                   {}
func (f *failures) Errorf(s string, a ...any) { f.said = s }
func (f *failures) Fatalf(s string, a ...any) { f.said = s; panic(f) }

func TestASectionThatFellBehindIsFoundAndRenewedAndNothingElseIsTouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	doc := func(inside string) string {
		return "# By hand\n\n<!-- a -->\n" + inside + "<!-- /a -->\n\nBy hand too.\n"
	}
	if err := os.WriteFile(path, []byte(doc("\nold\n\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var f failures
	Section(&f, path, "a", "new\n")
	if !strings.Contains(f.said, "go generate") {
		t.Errorf("it says %q", f.said)
	}
	*update = true
	defer func() { *update = false }()
	Section(t, path, "a", "new\n")
	*update = false
	Section(t, path, "a", "new\n")
	if b, err := os.ReadFile(path); err != nil || string(b) != doc("\nnew\n\n") {
		t.Errorf("%s, %v", b, err)
	}
	defer func() {
		if recover() == nil || !strings.Contains(f.said, "has no section") {
			t.Errorf("of a section that is not there it says %q", f.said)
		}
	}()
	Section(&f, path, "b", "")
}

func TestABarInACellIsNoColumn(t *testing.T) {
	t.Parallel()
	if got, want := Table([]string{"a", "b"}, [][]string{{"x|y", "z"}}), "| a | b |\n|---|---|\n| x\\|y | z |\n"; got != want {
		t.Errorf("%s", got)
	}
}
