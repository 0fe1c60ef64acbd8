package main

import (
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reference"
)

//go:generate go test -run ^TestTheDocumented -update .

func TestTheDocumentedCommandsAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	p := &cli.Program{Name: "worker", Getenv: func(string) string { return "" }}
	reference.Section(t, "../../docs/reference/commands.md", "worker", reference.Commands(command(p)))
}
