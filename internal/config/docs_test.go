package config

import (
	"bytes"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rekeyhq/rekey/internal/reference"
)

//go:generate go test -run ^TestTheDocumented -update .

// hidden is a key, or an item of a list, that stands behind a # in what
// `worker init` writes; what else stands there is prose.
var hidden = regexp.MustCompile(`(?m)^( *)# ( *(?:- )?[A-Za-z_]+:(?: .*)?|  +# .*)$`)

// everyKey is what `worker init` writes with no key behind a #.
func everyKey(t *testing.T) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(hidden.ReplaceAllString(initText, "$1$2")), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

// key is one of the file's, as `worker init` explains it.
type key struct {
	path    []string
	value   *yaml.Node
	meaning string
}

func keysIn(m *yaml.Node, path ...string) []key {
	var all []key
	for i := 0; m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
		paragraphs := strings.Split(m.Content[i].HeadComment, "\n\n")
		k := key{append(slices.Clone(path), m.Content[i].Value), m.Content[i+1], prose(paragraphs[len(paragraphs)-1])}
		all = append(append(all, k), keysIn(k.value, k.path...)...)
	}
	return all
}

func prose(comment string) string {
	lines := strings.Split(comment, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(l, "#"))
	}
	return strings.Join(lines, " ")
}

// name is the path with the words for names that users choose.
func (k key) name() string {
	path := slices.Clone(k.path)
	if len(path) > 1 {
		path[1] = map[string]string{"pools": "POOL", "quotas": "QUOTA"}[path[0]]
	}
	return strings.Join(path, ".")
}

// text is the value in one line.
func (k key) text(t *testing.T) string {
	t.Helper()
	v := *k.value
	v.Style = yaml.FlowStyle
	for _, c := range v.Content {
		c.Style = yaml.FlowStyle
	}
	b, err := yaml.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	return "`" + strings.TrimSpace(string(b)) + "`"
}

// with is the smallest file with a key set, or without it where value is nil.
func with(t *testing.T, path []string, value *yaml.Node) (*Config, error) {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(small), &tree); err != nil {
		t.Fatal(err)
	}
	m, last := tree, path[len(path)-1]
	for _, k := range path[:len(path)-1] {
		if k == "REGION" {
			k = "eu-west-1"
		}
		if _, ok := m[k]; !ok {
			m[k] = map[string]any{}
		}
		m = m[k].(map[string]any)
	}
	if delete(m, last); value != nil {
		m[last] = value
	}
	text, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("REGION"), []byte("eu-west-1"))
	c, err := Load(write(t, t.TempDir(), "rekey.yaml", string(text)), env())
	if c != nil {
		c.Path = ""
	}
	return c, err
}

// standing says what a key is when it is left out, by trying: required, the
// value that init shows, or nothing.
func (k key) standing(t *testing.T) (byDefault, example string) {
	t.Helper()
	without, err := with(t, k.path, nil)
	if err != nil {
		return "required", k.text(t)
	}
	if set, err := with(t, k.path, k.value); err == nil && reflect.DeepEqual(set, without) {
		return k.text(t), ""
	}
	return "", k.text(t)
}

func TestTheDocumentedKeysAreWhatInitExplainsWithTheDefaultsThatHold(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for _, k := range keysIn(everyKey(t)) {
		if k.meaning == "" && k.value.Kind == yaml.MappingNode {
			continue // its keys are explained
		}
		if k.meaning == "" {
			t.Errorf("init does not explain %s", k.name())
		}
		byDefault, example := "", ""
		if k.value.Kind != yaml.MappingNode {
			byDefault, example = k.standing(t)
		}
		rows = append(rows, []string{"`" + k.name() + "`", byDefault, example, k.meaning})
	}
	reference.Section(t, "../../docs/reference/configuration.md", "keys", reference.Table([]string{"key", "default", "example", "meaning"}, rows))
}

// knownKeys are those that the parser names when it meets one that it does not know.
func knownKeys(t *testing.T, text string) []string {
	t.Helper()
	_, err := Load(write(t, t.TempDir(), "rekey.yaml", text), env())
	if err == nil {
		t.Fatalf("an unknown key is accepted in\n%s", text)
	}
	_, list, _ := strings.Cut(err.Error(), "known keys: ")
	list, _, _ = strings.Cut(list, "\n")
	return slices.Sorted(slices.Values(strings.Split(list, ", ")))
}

func TestEveryKeyThatIsReadIsInWhatInitWrites(t *testing.T) {
	t.Parallel()
	shown := map[string]map[string]bool{}
	for _, k := range keysIn(everyKey(t)) {
		parent := filepath.ToSlash(filepath.Join(k.path[:len(k.path)-1]...))
		if shown[parent] == nil {
			shown[parent] = map[string]bool{}
		}
		shown[parent][k.path[len(k.path)-1]] = true
	}
	for parent, text := range map[string]string{
		"":              small + "nosuch: 1\n",
		"pools/prod":    pool(fit + ", nosuch: 1"),
		"quotas/REGION": small + "quotas: {eu-west-1: {nosuch: 1}}\n",
	} {
		if got, want := slices.Sorted(maps.Keys(shown[parent])), knownKeys(t, text); !slices.Equal(got, want) {
			t.Errorf("of %q init shows %v, and the parser knows %v", parent, got, want)
		}
	}
}
