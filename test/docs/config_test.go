package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/config"
)

// Whoever copies a whole file out of a document has one that is taken.
func TestEveryWholeConfigurationIsTaken(t *testing.T) {
	t.Parallel()
	files := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks() {
			if b.language != "yaml" || !topLevel("redis", b.text) || !topLevel("pools", b.text) {
				continue
			}
			files++
			path := filepath.Join(t.TempDir(), "rekey.yaml")
			write(t, path, withSecrets(t, b.text))
			if _, err := config.Load(path, func(string) string { return "" }); err != nil {
				t.Errorf("%s:%d: %v", d.path, b.line, err)
			}
		}
	}
	if files == 0 {
		t.Error("no document has a whole file")
	}
}

func topLevel(key, text string) bool {
	return regexp.MustCompile(`(?m)^` + key + `:`).MatchString(text)
}

// withSecrets makes the files that a configuration names.
func withSecrets(t *testing.T, text string) string {
	t.Helper()
	const there = "/run/secrets/"
	here := t.TempDir() + "/"
	for _, name := range regexp.MustCompile(there+`([\w-]+)`).FindAllStringSubmatch(text, -1) {
		write(t, here+name[1], "secret")
	}
	return strings.ReplaceAll(text, there, here)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
