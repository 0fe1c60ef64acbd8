package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cli"
)

func (p inProcess) file(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// state is the campaign's; empty where there is none.
func (p inProcess) state(id string) string {
	return p.rdb.HGet(context.WithoutCancel(p.t.Context()), "rekey:{prod}:c:"+id, "state").Val()
}

func (p inProcess) rejects() string { return filepath.Join(p.dir, "rejects.csv") }

// In a pool whose usernames have case two users may differ in nothing else.
func TestACaseSensitivePoolsUsersAreAllLoaded(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.file("rekey.yaml", "pools:\n  prod: {region: eu-west-1, client_id: abc, case_sensitive: true}\n")
	out, err := p.run(t.Context(), nil, io.Discard, "--campaign", "a", "--rejects", p.rejects(), p.file("u.csv", "username\nAnna\nanna\n"))
	if err != nil || !strings.Contains(out, "--confirm 2\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A file that is still being written may end in half a name.
func TestAFileThatIsWrittenToWhileItIsReadIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"longer":    func(path string) error { return appendTo(path, "zoe\n") },
		"shorter":   func(path string) error { return os.Truncate(path, 1<<20) },
		"rewritten": func(path string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)) },
		"unchanged": func(string) error { return nil },
	} {
		path := process(t).file("u.csv", "username\n"+strings.Repeat("somebody@example.com\n", 100_000))
		r := openInput(t, path)
		if _, err := io.CopyN(io.Discard, r, 1000); err != nil {
			t.Fatal(err)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		want := errChanged
		if name == "unchanged" {
			want = nil
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); !errors.Is(err, want) {
			t.Errorf("%s: err = %v, want %v", name, err, want)
		}
	}
}

func openInput(t *testing.T, path string) io.Reader {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&inputFile{path: path, info: info}).open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, _ = f.WriteString(text)
	return f.Close()
}

// It is how rejects leave a container that may write nowhere and has no shell.
func TestRejectsOnStdoutStandThereAlone(t *testing.T) {
	t.Parallel()
	p := process(t)
	for _, c := range []struct{ id, users, out string }{
		{"a", "username\nanna\nANNA\nbob\n", "line,reason,row\n3,duplicate: the user is in an earlier line,ANNA\n"},
		{"b", "username\nanna\n", ""},
	} {
		var stderr bytes.Buffer
		out, err := p.run(t.Context(), strings.NewReader(c.users), &stderr, "--campaign", c.id, "--rejects", "-", "-")
		if err != nil || out != c.out {
			t.Errorf("%v; stdout\n%s", err, out)
		}
		if !strings.HasPrefix(stderr.String(), c.id+", pool prod: a draft.") || !strings.Contains(stderr.String(), "\nNext:  ") {
			t.Errorf("stderr\n%s", &stderr)
		}
	}
}

// Whoever cannot read the rejects repairs nothing, and must not think that
// nothing was loaded.
func TestRejectsThatCannotBeWrittenAreSaidAndTheSameCommandWritesThem(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	p := process(t)
	path := p.file("u.csv", "username\nanna\nbob\nANNA\n")
	_, err := p.run(t.Context(), nil, io.Discard, "--campaign", "a", "--rejects", "/dev/full", path)
	if cli.Code(err) != cli.CodeFailed || !strings.Contains(err.Error(), "the users are loaded, and the rejects cannot be written") || p.state("a") != "draft" {
		t.Errorf("%v; the campaign is %q", err, p.state("a"))
	}
	out, err := p.run(t.Context(), nil, io.Discard, "--campaign", "a", "--rejects", p.rejects(), path)
	if err != nil || !strings.Contains(out, "loaded already, complete; a draft") {
		t.Errorf("%v\n%s", err, out)
	}
	if text, err := os.ReadFile(p.rejects()); err != nil || !strings.Contains(string(text), "4,duplicate") {
		t.Errorf("%v\n%s", err, text)
	}
	// When the disk is full in the middle, the file is not read to its end, and nothing stays.
	many := p.file("many.csv", "username\n"+strings.Repeat("anna\n", 10_000))
	_, err = p.run(t.Context(), nil, io.Discard, "--campaign", "b", "--rejects", "/dev/full", many)
	if err == nil || strings.Count(err.Error(), "no space left") != 1 || strings.Contains(err.Error(), "are loaded") || p.state("b") != "" {
		t.Errorf("%v; the campaign is %q", err, p.state("b"))
	}
}
