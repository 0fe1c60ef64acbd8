// Command cognitosim is Amazon Cognito's twin on a port, for rehearsals and
// load tests: nothing leaves the machine, and no user is ever contacted. What
// it can be asked for is in its help; what it promises is in
// internal/cognitosim. It has no memory: a restart forgets every code.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func main() {
	terminated, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, stop := signal.NotifyContext(terminated, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	if err == nil && ctx.Err() != nil && terminated.Err() == nil {
		os.Exit(cli.CodeInterrupted)
	}
	os.Exit(exitCode(err))
}

// usage is an error in what was asked for.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

func exitCode(err error) int {
	if errors.As(err, &usage{}) {
		return cli.CodeUsage
	}
	return cli.Code(err)
}

// run is the program. It takes no input, but has it, as every command of rekey
// does. Packages install it under another name, and help speaks of that one.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	p := &cli.Program{Name: cli.Name(args), Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr}
	root := command(p)
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	cli.Report(stderr, p.Name, err)
	return err
}

func command(p *cli.Program) *cobra.Command {
	var f flags
	name := p.Name
	root := p.Plain(&cobra.Command{
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
		Args: cli.Args(),
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), f, c.ErrOrStderr()) },
	})
	f.register(root.Flags())
	_ = root.RegisterFlagCompletionFunc("faults", cli.Words(cognitosim.Presets()...)) // the flag is there
	root.AddCommand(usersCommand(name))
	p.Complete(root)
	return root
}
