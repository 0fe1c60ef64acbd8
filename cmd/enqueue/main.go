// Command enqueue loads campaigns: a file or stdin as a draft, whose plan it
// prints, or one user into the day's standing campaign.
//
// It promises that a file sends nothing: only a start with the plan's number
// does. The same file again changes nothing, and a load that was interrupted is
// taken up by the same command. Its weak spot is the plan's end: it reckons with
// what runs on the pool and what the quota gives at that instant, and knows
// nothing of other pools on the same quota.
package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

func main() { os.Exit(cli.Main(run)) }

// run is the program; everything from outside is a parameter.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	c := newCommand(&cli.Program{Name: cli.Name(args), Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr})
	root := c.root()
	root.SetArgs(args[1:])
	return coded(root.ExecuteContext(ctx))
}

func newCommand(p *cli.Program) *command {
	return &command{
		Program:  p,
		onDoubt:  cli.OneOf(string(campaign.Resend), string(campaign.Park)),
		onLive:   cli.OneOf(string(campaign.Wait), string(campaign.Skip)),
		priority: cli.OneOf(string(campaign.Normal), string(campaign.Urgent), string(campaign.Bulk)),
	}
}

// command is what the flags say.
type command struct {
	*cli.Program
	pool, campaign             string
	start                      bool
	confirm                    cli.Confirmation
	usernameColumn             string
	noHeader                   bool
	rejects, maxRejects, guard string
	onDoubt, onLive, priority  *cli.Choice

	metadata                   []string
	analytics, ip, encodedData string

	username, event string
	wait            bool
}

const long = `Loads the users of a file as a draft and prints the plan. Nothing is sent
before  campaign start.  Loading again begins an interrupted load again, or
reports that it is complete. FILE is CSV (comma, semicolon or tab) or NDJSON,
as it is or compressed with gzip or zstd; - is stdin.

Several files are one list, in the order in which they are named: each has its
own header and format, rows are numbered through, a user is loaded once. All
name the users by the same kind of column, which the plan shows: whoever is in
one by username and in another by email would be two users. Lines are those of
the row's own file; the rejects name it in a fourth column. The same files in
another order are another list.

Cognito's import file is read as it is, and what list-users answers by
  aws cognito-idp list-users --user-pool-id P | jq -c '.Users[]'

With --username it sends a reset to one user, now, in the day's standing
campaign.

A line of NDJSON:
  {"username":"…","client_metadata":{"k":"v"},"analytics_endpoint_id":"…",
   "user_context":{"ip_address":"…","encoded_data":"…"}}

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused, 4 the user
was not accepted (--username with --wait), 130 interrupted.`

func (c *command) root() *cobra.Command {
	root := c.Set(&cobra.Command{
		Use:   c.Name + " --campaign ID FILE|-...",
		Short: "Load users as a draft, or send a reset to one",
		Long:  long,
		// Also beside the command that cobra adds for completion: FILE is no command.
		Args: cobra.ArbitraryArgs,
		Example: "  " + c.Name + " --campaign breach-2026 users.csv\n" +
			"  " + c.Name + " --campaign breach-2026 part-*.csv.zst\n" +
			"  psql -c '\\copy (select email from users) to stdout csv header' | " + c.Name + " --campaign breach-2026 -\n" +
			"  " + c.Name + " --username anna@example.com --id order-4711 --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("username") {
				return c.one(cmd, args)
			}
			return c.file(cmd, args)
		},
	})
	root.Flags().SortFlags = false
	root.Flags().StringVar(&c.pool, "pool", "", "the pool; may be left out where there is one")
	c.fileFlags(root.Flags())
	c.requestFlags(root.Flags())
	c.singleFlags(root.Flags())
	root.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault) // files
	c.Complete(root)
	return root
}

// The flags of one mode are refused in the other.
const (
	ofFile   = "file"
	ofSingle = "single"
)

func (c *command) fileFlags(f *pflag.FlagSet) {
	own := pflag.NewFlagSet(ofFile, pflag.ContinueOnError)
	own.StringVar(&c.campaign, "campaign", "", "the campaign's id: 1 to 63 of a-z 0-9 -")
	own.BoolVar(&c.start, "start", false, "start it as well")
	own.Var(&c.confirm, "confirm", "with --start: users in the plan")
	own.StringVar(&c.usernameColumn, "username-column", "",
		"default: the first of cognito:username, username, sub, email, phone_number")
	own.BoolVar(&c.noHeader, "no-header", false, "the first column is the username")
	own.StringVar(&c.rejects, "rejects", "", "where rejected rows go (default ID.rejects.csv); - is stdout, and the plan goes to stderr")
	own.StringVar(&c.maxRejects, "max-rejects", "1%", "more refuse the file: a percentage or a number")
	own.Var(c.onDoubt, "on-doubt", "a call that was never answered: again after the code's life, or a dead letter")
	own.Var(c.onLive, "on-live", "the user holds a live code from another row: wait until it ends, or skip the row")
	own.StringVar(&c.guard, "guard", "10%", "halt when more than this of the last 500 final rows is dead; or off")
	own.Var(c.priority, "priority", "which campaigns go first")
	adopt(f, own, ofFile)
}

func (c *command) singleFlags(f *pflag.FlagSet) {
	own := pflag.NewFlagSet(ofSingle, pflag.ContinueOnError)
	own.StringVar(&c.username, "username", "", "reset one user; - reads the name from stdin")
	own.StringVar(&c.event, "id", "", "the event's id: a repeat within 24 hours changes nothing")
	own.BoolVar(&c.wait, "wait", false, "wait, and print what became of it")
	adopt(f, own, ofSingle)
}

func (c *command) requestFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&c.metadata, "client-metadata", nil, "`k=v` for the pool's Lambdas, may be repeated; columns client_metadata.K win")
	f.StringVar(&c.analytics, "analytics-endpoint-id", "", "for every row; a column of that name wins")
	f.StringVar(&c.ip, "ip-address", "", "user context for every row; a column ip_address wins")
	f.StringVar(&c.encodedData, "encoded-data", "", "user context for every row; a column encoded_data wins")
}

// adopt adds flags and remembers their mode.
func adopt(f, own *pflag.FlagSet, mode string) {
	own.SortFlags = false
	own.VisitAll(func(flag *pflag.Flag) {
		flag.Annotations = map[string][]string{"mode": {mode}}
		f.AddFlag(flag)
	})
}

// refuse finds a flag that was given and belongs to the other mode.
func refuse(cmd *cobra.Command, mode, why string) error {
	var err error
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if m := flag.Annotations["mode"]; len(m) == 1 && m[0] == mode && err == nil {
			err = cli.Usage("--%s %s", flag.Name, why)
		}
	})
	return err
}

// coded gives the errors of campaigns their exit codes.
func coded(err error) error {
	var (
		state campaign.ErrState
		other campaign.ErrOtherContent
		taken campaign.ErrTaken
		done  *cli.Error
	)
	switch {
	case errors.As(err, &done):
		return err
	case errors.As(err, &state), errors.As(err, &other), errors.As(err, &taken):
		return cli.Refused(err)
	}
	return err
}
