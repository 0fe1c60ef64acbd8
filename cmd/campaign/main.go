// Command campaign operates campaigns: it lists and shows them, starts, pauses,
// resumes, cancels, waits for them, reports every row, replays dead letters.
//
// It promises that nothing is done to a campaign by accident: what cannot be
// taken back must repeat the number of users that it concerns, and a wrong
// number changes nothing and is answered with the right one. Its weak spot: what
// it shows is of one instant, and the end that it foretells is reckoned from the
// rate of that instant.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

func main() { os.Exit(cli.Main(run)) }

// run is the program; everything from outside is a parameter.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	p := &program{Program: &cli.Program{Name: cli.Name(args), Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr}}
	root := p.root()
	root.SetArgs(args[1:])
	return coded(root.ExecuteContext(ctx))
}

// program is what the commands have in common.
type program struct {
	*cli.Program
	pool string // --pool
}

const long = `Operates campaigns of password-reset codes.

What cannot be taken back asks for --confirm with a number of rows. Without it,
or with a wrong one, nothing is done and the right number is printed.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused: confirmation
missing or wrong, or the state does not allow it, 4 the campaign ended with rows
that were not accepted (wait), 130 interrupted.`

func (p *program) root() *cobra.Command {
	root := p.Set(&cobra.Command{Use: p.Name, Short: "Operate campaigns", Long: long})
	root.PersistentFlags().StringVar(&p.pool, "pool", "", "the pool, where the campaign's id does not say it")
	root.AddCommand(p.list(), p.show(), p.start(), p.pause(), p.resume(), p.cancel(), p.wait(), p.report(), p.find(), p.replay(), p.delete())
	cli.Verbs(root)
	p.complete(root)
	return root
}

// coded gives the errors of campaigns their exit codes.
func coded(err error) error {
	var (
		state   campaign.ErrState
		confirm campaign.ErrConfirm
		unknown campaign.ErrUnknown
		done    *cli.Error
	)
	switch {
	case errors.As(err, &done):
		return err
	case errors.As(err, &state), errors.As(err, &confirm):
		return cli.Refused(err)
	case errors.As(err, &unknown):
		return cli.WithCode(cli.CodeUsage, err)
	}
	return err
}

// printf writes an answer.
func (p *program) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(p.Stdout, format, args...)
	return err
}

// next returns a command of this program, as a user can type it.
func (p *program) next(format string, args ...any) string {
	return p.Name + " " + fmt.Sprintf(format, args...) + p.ConfigFlag()
}
