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
	show.Flags().Var(OneOf("table", "json"), "output", "how to print")
	show.Flags().Bool("wait", false, "wait-and-see")
	show.Flags().StringArray("metadata", nil, "`k=v`, may be repeated")
	show.Example = "  rekey-campaign show 'a'\n  .hidden"
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

func TestAManualPageSaysWhatHelpSaysAndWhereAndHowItEnds(t *testing.T) {
	t.Parallel()
	dir, err := pages(t, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"rekey-campaign.1": {
			".SH COMMANDS\n.TP\n\\fBshow\\fR ID\nShow a campaign\n", ".SH ENVIRONMENT\n.TP\n\\fBREKEY_CONFIG\\fR\n",
			".SH FILES\n.TP\n\\fBrekey.yaml\\fR\n", "\\fB/etc/rekey/rekey.yaml\\fR\n", ".SH EXIT STATUS\n.TP\n\\fB0\\fR\nDone.\n",
			".SH SEE ALSO\n\\fBrekey\\-campaign\\-show\\fR(1),\n\\fBrekey\\-worker\\fR(1),\n\\fBrekey\\-enqueue\\fR(1),\n\\fBrekey\\-sim\\fR(1)\n",
		},
		"rekey-campaign-show.1": {
			"\n\\fB\\-\\-output\\fR \\fItable|json\\fR\nhow to print (default table)\n", "\n\\fB\\-\\-wait\\fR\nwait\\-and\\-see\n",
			"\n\\fB\\-\\-metadata\\fR \\fIk=v\\fR\n", "\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\n", "\\fB\\-\\-config\\fR \\fIstring\\fR\n",
			".SH EXAMPLES\n.nf\n  rekey\\-campaign show \\(aqa\\(aq\n  .hidden\n.fi\n", ".SH EXIT STATUS\n", ".SH SEE ALSO\n\\fBrekey\\-campaign\\fR(1),\n",
		},
	} {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(string(page), text) {
				t.Errorf("%s is without %q:\n%s", name, text, page)
			}
		}
	}
	if all, _ := filepath.Glob(filepath.Join(dir, "*")); len(all) != 2 {
		t.Errorf("pages of what a user does not look for: %v", all)
	}
}

func TestManualPagesNameTheProgramsAsTheyAreInstalled(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"rekey-sim":    "rekey-worker rekey-enqueue rekey-campaign rekey-sim",
		"rekey-worker": "rekey-worker rekey-enqueue rekey-campaign rekey-sim",
		"cognitosim":   "worker enqueue campaign cognitosim",
		"enqueue":      "worker enqueue campaign cognitosim",
		"other":        "worker enqueue campaign cognitosim",
	} {
		if got := strings.Join((&Program{Name: name}).all(), " "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestTextOfAPageIsNoCommandOfRoff(t *testing.T) {
	t.Parallel()
	var r roff
	r.prose(".first\n\n  kept\n'quoted\\n")
	if want := "\\&.first\n.PP\n.nf\n  kept\n.fi\n\\(aqquoted\\en\n"; r.String() != want {
		t.Errorf("got\n%swant\n%s", r.String(), want)
	}
}
