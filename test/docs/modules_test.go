package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A module that nobody renews stays with the holes of its libraries.
func TestDependabotKnowsEveryModule(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, ".github", "dependabot.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	want := modules(t)
	for _, u := range file.Updates {
		if u.Ecosystem == "gomod" && !slices.Equal(u.Directories, want) {
			t.Errorf("dependabot looks at %v, and the modules are %v", u.Directories, want)
		}
	}
	if len(want) < 2 {
		t.Errorf("only %v were found", want)
	}
}

// modules are the directories with a go.mod, as dependabot writes them.
func modules(t *testing.T) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "go.mod" {
			all = append(all, path.Join("/", path.Dir(file)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
