// Package cli is what rekey's commands share: how they start and end, how they
// find their configuration and their Redis, and how they print.
//
// It promises that a user never sees a panic or a library's error alone: what
// goes wrong is one line that says what to do, with an exit code that a script
// can act on. Its weak spot: an error of Redis that is not in its table is
// shown as Redis wrote it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
)

// The exit codes.
const (
	CodeDone        = 0
	CodeFailed      = 1
	CodeUsage       = 2   // usage or configuration
	CodeRefused     = 3   // confirmation missing or wrong, or the state does not allow it
	CodeNotAccepted = 4   // the campaign ended with rows that were not accepted
	CodeInterrupted = 130 // can be resumed
)

// Error is an error with the exit code that it ends the program with.
type Error struct {
	Code int
	Err  error
	// Hint is a second line: what to do.
	Hint string
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error underneath.
func (e *Error) Unwrap() error { return e.Err }

// Usage returns an error of how the program was called.
func Usage(format string, args ...any) error {
	return &Error{Code: CodeUsage, Err: fmt.Errorf(format, args...)}
}

// Refused returns an error of what must not be done as things are.
func Refused(err error) error { return &Error{Code: CodeRefused, Err: err} }

// WithCode gives err an exit code; nil stays nil.
func WithCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Code returns the exit code that err stands for.
func Code(err error) int {
	var e *Error
	switch {
	case err == nil:
		return CodeDone
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	}
	return CodeFailed
}

// Run is a program: everything from outside is a parameter, so that a test can
// run it. args[0] is the name that it was called by.
type Run func(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error

// Commands are listed in the order in which they are added, which is the one in
// which they are used. The library has this for a whole process alone.
func init() { cobra.EnableCommandSorting = false }

// Main runs a program with the process's own things and returns the exit code.
// The first SIGINT or SIGTERM ends the context; the second ends the process.
func Main(run Run) int {
	redis.SetLogger(silence{}) // what it says goes into errors, and these are explained
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := guarded(ctx, run, os.Args)
	Report(os.Stderr, Name(os.Args), err)
	return Code(err)
}

// guarded turns a panic into an error.
func guarded(ctx context.Context, run Run, args []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is a bug, please report it with what you did: %v at %s", p, origin(debug.Stack()))
		}
	}()
	return run(ctx, args, os.Getenv, os.Stdin, os.Stdout, os.Stderr)
}

// origin returns the place of ours that a stack names first: one line is all
// that a user gets.
func origin(stack []byte) string {
	_, after, _ := strings.Cut(string(stack), "panic(")
	for line := range strings.Lines(after) {
		place, isPlace := strings.CutPrefix(line, "\t")
		if isPlace && !strings.Contains(place, "/src/runtime/") {
			place, _, _ = strings.Cut(strings.TrimSpace(place), " ")
			return filepath.Base(filepath.Dir(place)) + "/" + filepath.Base(place)
		}
	}
	return "an unknown place"
}

// Report prints what a program ended with, and the hint.
func Report(stderr io.Writer, name string, err error) {
	if err == nil {
		return
	}
	var e *Error
	text := err.Error()
	if !errors.As(err, &e) && errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, plainLines(text))
	if e != nil && e.Hint != "" {
		_, _ = fmt.Fprintln(stderr, plainLines(e.Hint))
	}
}

// plainLines is Plain for errors that were joined, a line each.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Plain(line)
	}
	return strings.Join(lines, "\n")
}

// Name returns the name that a program was called by.
func Name(args []string) string {
	if len(args) == 0 {
		return "rekey"
	}
	return strings.TrimSuffix(filepath.Base(args[0]), ".exe")
}

// silence is a logger for go-redis, which otherwise writes to stderr.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
