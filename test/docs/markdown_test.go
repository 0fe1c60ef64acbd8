package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// root is the checkout, seen from here.
const root = "../.."

// document is a Markdown file.
type document struct {
	path   string // in the checkout, with slashes
	source []byte
	tree   ast.Node
}

// documents are all Markdown files of the checkout.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "bin" || d.Name() == "testdata"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			all = append(all, read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) document {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	// On Windows git may have written the other line ends.
	b = []byte(strings.ReplaceAll(string(b), "\r\n", "\n"))
	m := goldmark.New(goldmark.WithExtensions(extension.GFM))
	return document{path, b, m.Parser().Parse(text.NewReader(b))}
}

// each calls visit with the nodes of one kind, in the order of the text.
func each[N ast.Node](d document, visit func(N)) {
	// Its error is the visitor's, which has none.
	_ = ast.Walk(d.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if node, ok := n.(N); ok && entering {
			visit(node)
		}
		return ast.WalkContinue, nil
	})
}

// anchors are the fragments that GitHub gives a document's headings.
func (d document) anchors() map[string]bool {
	all := map[string]bool{}
	each(d, func(h *ast.Heading) { all[slug(plain(h, d.source))] = true })
	return all
}

var unslug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

func slug(heading string) string {
	return strings.ReplaceAll(unslug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// plain is what a reader sees of a node: its text, without the marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Segment.Value(source))
		} else {
			b.WriteString(plain(c, source))
		}
	}
	return b.String()
}

// block is fenced text.
type block struct {
	language string
	note     string // what stands behind the language
	text     string
	line     int // of its first line in the document
}

func (d document) blocks() []block {
	var all []block
	each(d, func(n *ast.FencedCodeBlock) {
		lines := n.Lines()
		if lines.Len() == 0 || n.Info == nil {
			return
		}
		at := strings.Count(string(d.source[:lines.At(0).Start]), "\n") + 1
		language, note, _ := strings.Cut(string(n.Info.Value(d.source)), " ")
		all = append(all, block{language, note, string(lines.Value(d.source)), at})
	})
	return all
}
