package docs

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	links := 0
	for _, d := range documents(t) {
		each(d, func(l *ast.Link) {
			links++
			if why := dead(t, d, string(l.Destination)); why != "" {
				t.Errorf("%s links to %s: %s", d.path, l.Destination, why)
			}
		})
	}
	if links == 0 {
		t.Error("there are no links: the test looked at nothing")
	}
}

// dead says what is wrong with a link, if anything. The web is not asked.
func dead(t *testing.T, from document, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	if u.Scheme != "" {
		return ""
	}
	to := from
	if u.Path != "" {
		file := path.Join(path.Dir(from.path), u.Path)
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
			return "no such file"
		}
		if path.Ext(file) != ".md" {
			return ""
		}
		to = read(t, file)
	}
	if u.Fragment != "" && !to.anchors()[u.Fragment] {
		return "no such heading"
	}
	return ""
}

// A document that the index does not name is found by nobody.
func TestTheIndexNamesEveryDocument(t *testing.T) {
	t.Parallel()
	named := map[string]bool{"docs/README.md": true}
	each(read(t, "docs/README.md"), func(l *ast.Link) {
		file, _, _ := strings.Cut(string(l.Destination), "#")
		named[path.Join("docs", file)] = true
	})
	for _, d := range documents(t) {
		if strings.HasPrefix(d.path, "docs/") && !named[d.path] {
			t.Errorf("docs/README.md does not name %s", d.path)
		}
	}
}

func TestADeadLinkIsSeen(t *testing.T) {
	t.Parallel()
	d := read(t, "docs/redis.md")
	for link, want := range map[string]string{
		"nowhere.md":               "no such file",
		"runbook.md#nowhere":       "no such heading",
		"#nowhere":                 "no such heading",
		"runbook.md#rekeyhalted":   "",
		"../README.md":             "",
		"#what-it-must-be-set-to":  "",
		"https://example.com/#any": "",
	} {
		if got := dead(t, d, link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}
