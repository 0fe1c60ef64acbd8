package main

import (
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reference"
)

//go:generate go test -run ^TestTheDocumented -update .

func TestTheDocumentedCommandsAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	p := &cli.Program{Name: "enqueue", Getenv: func(string) string { return "" }}
	reference.Section(t, "../../docs/reference/commands.md", "enqueue", reference.Commands(newCommand(p).root()))
}
