package main

import (
	"io"
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/scripttest"
)

func TestAMistypedCommandIsGuessedWhicheverOfItsFlagsFollow(t *testing.T) {
	t.Parallel()
	scripttest.WantMistypedGuessed(t, (&program{Program: &cli.Program{Name: "campaign"}}).root(), func(args ...string) error {
		return run(t.Context(), append([]string{"campaign"}, args...), func(string) string { return "" }, nil, io.Discard, io.Discard)
	})
}
