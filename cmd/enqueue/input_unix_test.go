//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
)

func (p inProcess) pipe(name string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.release(path) })
	return path
}

// release ends whoever still waits for a pipe to be written to, as the end of
// the process would: this one opens both ends, and nobody comes after it.
func (p inProcess) release(path string) {
	p.t.Helper()
	both, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), both.Close()); err != nil {
		p.t.Error(err)
	}
}

func TestAPipeIsReadAmongFiles(t *testing.T) {
	t.Parallel()
	p := process(t)
	first, last, pipe := p.file("1.csv", "email\nanna\n"), p.file("3.csv", "email\ncarol\n"), p.pipe("2")
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := os.WriteFile(pipe, []byte("x,email\n1,bob\n"), 0); err != nil {
			t.Error(err)
		}
	})
	out, err := p.run(t.Context(), nil, io.Discard, "--campaign", "a", "--rejects", p.rejects(), first, pipe, last)
	wg.Wait()
	if err != nil || !strings.Contains(out, "--confirm 3\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Opening a pipe blocks until somebody opens its other end.
func TestAPipeThatNobodyWritesToCanBeInterrupted(t *testing.T) {
	t.Parallel()
	p := process(t)
	for _, files := range [][]string{{p.pipe("a")}, {p.file("1.csv", "email\nanna\n"), p.pipe("b")}} {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		if len(files) == 1 {
			cancel()
		} else {
			wg.Go(func() { p.when(func() bool { return p.state("a") == "loading" }, cancel) })
		}
		_, err := p.run(ctx, nil, io.Discard, append([]string{"--campaign", "a", "--rejects", p.rejects()}, files...)...)
		wg.Wait()
		cancel()
		if cli.Code(err) != cli.CodeInterrupted {
			t.Errorf("%v", err)
		}
	}
}
