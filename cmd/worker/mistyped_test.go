package main

import (
	"io"
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/scripttest"
)

func TestAMistypedCommandIsGuessedWhicheverOfItsFlagsFollow(t *testing.T) {
	t.Parallel()
	scripttest.WantMistypedGuessed(t, command(&cli.Program{Name: "worker"}), func(args ...string) error {
		return run(t.Context(), append([]string{"worker"}, args...), func(string) string { return "" }, nil, io.Discard, io.Discard)
	})
}
