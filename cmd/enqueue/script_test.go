package main

import (
	"os"
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/scripttest"
)

func TestMain(m *testing.M) {
	scripttest.Main(m, "enqueue", func() { os.Exit(cli.Main(run)) })
}

func TestScripts(t *testing.T) {
	t.Parallel()
	scripttest.Run(t)
}
