package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// pages writes the manual pages of a program that is called rekey-campaign.
func pages(t *testing.T, epoch string) (dir string, err error) {
	t.Helper()
	p := &Program{Name: "rekey-campaign", Getenv: func(string) string { return epoch }, Stdout: io.Discard, Stderr: io.Discard}
	root := p.Set(&cobra.Command{Use: p.Name, Short: "Operate campaigns"})
	show := &cobra.Command{Use: "show ID", Short: "Show a campaign", Args: Args("ID"), RunE: func(*cobra.Command, []string) error { return nil }}
	root.AddCommand(show)
	Verbs(root)
	p.Complete(root)
	dir = filepath.Join(t.TempDir(), "man")
	root.SetArgs([]string{"man", dir})
	return dir, root.Execute()
}

func TestManualPagesAreNamedAsInstalledAndTheSameForEverybody(t *testing.T) {
	t.Parallel()
	first, err := pages(t, "1767225600")
	if err != nil {
		t.Fatal(err)
	}
	second, err := pages(t, "1767225600")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rekey-campaign.1": "Jan 2026", "rekey-campaign-show.1": "Show a campaign"} {
		a, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, name))
		if err != nil || string(a) != string(b) || !strings.Contains(string(a), want) {
			t.Errorf("%s, %v:\n%s", name, err, a)
		}
	}
	if hidden, _ := filepath.Glob(filepath.Join(first, "*-man.1")); hidden != nil {
		t.Errorf("%v", hidden)
	}
	if _, err := pages(t, "today"); Code(err) != CodeUsage {
		t.Errorf("a date that is none: %v", err)
	}
}
