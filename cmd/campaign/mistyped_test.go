package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/rekeyhq/rekey/internal/cli"
)

func TestAMistypedCommandIsGuessedWhicheverOfItsFlagsFollow(t *testing.T) {
	t.Parallel()
	root := (&program{Program: &cli.Program{Name: "campaign"}}).root()
	guessed := func(verb string, args ...string) {
		err := run(t.Context(), append([]string{"campaign"}, args...), func(string) string { return "" }, nil, io.Discard, io.Discard)
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
