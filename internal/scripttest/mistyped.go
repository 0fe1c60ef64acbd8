package scripttest

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekeyhq/rekey/internal/cli"
)

// WantMistypedGuessed mistypes every command of root, alone and with each of its
// flags, and checks that run answers with the command that was meant.
func WantMistypedGuessed(t *testing.T, root *cobra.Command, run func(args ...string) error) {
	t.Helper()
	guessed := func(verb string, args ...string) {
		err := run(args...)
		if cli.Code(err) != cli.CodeUsage || !strings.Contains(err.Error(), "there is no command") || !strings.Contains(err.Error(), verb) {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" {
			continue
		}
		verb := c.Name()
		typed := verb[1:2] + verb[:1] + verb[2:]
		guessed(verb, typed)
		guessed(verb, "help", typed)
		guessed(verb, typed, "breach-2026", "-x")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			guessed(verb, typed, "--"+f.Name)
			guessed(verb, typed, "breach-2026", "--"+f.Name, "5")
		})
	}
}
