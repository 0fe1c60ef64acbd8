// Command cognitosim is Amazon Cognito's twin on a port, for rehearsals and
// load tests: nothing leaves the machine, and no user is ever contacted. What
// it can be asked for is in its help; what it promises is in
// internal/cognitosim. It has no memory: a restart forgets every code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of all of rekey's commands that apply here.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	terminated, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, stop := signal.NotifyContext(terminated, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	if err == nil && ctx.Err() != nil && terminated.Err() == nil {
		os.Exit(exitInterrupted)
	}
	os.Exit(exitCode(err))
}

// usage is an error in what was asked for.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage{}):
		return exitUsage
	}
	return exitFailed
}

// run is the program. It takes no environment and no input, but has them, as
// every command of rekey does.
func run(ctx context.Context, args []string, _ func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	// Packages install it under another name, and help should speak of that one.
	name := filepath.Base(args[0])
	root := command(name)
	root.SetArgs(args[1:])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
	}
	return err
}

func command(name string) *cobra.Command {
	var f flags
	root := &cobra.Command{
		Use:   name,
		Short: "Amazon Cognito's twin on a port: nothing leaves the machine",
		Long: `Amazon Cognito's twin on a port, for rehearsals and load tests. It answers
ForgotPassword and ConfirmForgotPassword as Cognito does; nothing leaves the
machine, and no user is ever contacted. Its users are user000000, user000001, …

A line of a fault file: {"from":100,"to":200,"answer":"TooManyRequests","share":0.3}
from and to are numbers of calls; "at" is a single one, "every" repeats the span,
"user" narrows it to one user, "delay" ("2s") makes the answer late, "text"
replaces the message, "sent" says whether the call is carried out before it fails.`,
		Example: "  " + name + " --addr 127.0.0.1:9229 --users 2000 --faults mild --journal calls.ndjson\n" +
			"  aws cognito-idp forgot-password --endpoint-url http://127.0.0.1:9229 --no-sign-request \\\n" +
			"      --region us-east-1 --client-id rekeytwin --username user000000",
		Args:              none,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(c *cobra.Command, _ []string) error { return serve(c.Context(), f, c.ErrOrStderr()) },
	}
	f.register(root.Flags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	root.AddCommand(usersCommand(name))
	return root
}

// none refuses arguments, as a usage error.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage{fmt.Errorf("%q is not understood: see %s --help", args[0], c.CommandPath())}
	}
	return nil
}
