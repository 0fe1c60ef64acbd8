// Command worker sends: it feeds the campaigns of its pools into the queue and
// calls Cognito, within the quota that all workers share. What it promises is
// in internal/tasks; what it can be asked for is in its help. Its weak spot is a
// kill: a call that was in flight is found in doubt, and its user waits an hour.
package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
)

func main() { os.Exit(cli.Main(run)) }

func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	p := &cli.Program{Name: cli.Name(args), Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr}
	root := command(p)
	root.SetArgs(args[1:])
	return root.ExecuteContext(ctx)
}

func command(p *cli.Program) *cobra.Command {
	root := p.Set(&cobra.Command{
		Use:   p.Name,
		Short: "Serve every pool of the configuration until SIGTERM",
		Long: `Serve every pool of the configuration until SIGTERM: send password-reset
requests of running campaigns, within the quota that all workers share. Any
number of workers may run. Nothing is sent before a campaign has been started.

SIGTERM drains: calls in flight end and are recorded, none begins. A second one
ends the process at once; its calls are then found in doubt.

/metrics, /livez and /readyz are served on the address that listen names.

Exit codes: 0 drained, 1 failed, 2 usage or configuration, 130 interrupted.`,
		Args: cli.Args(),
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), p) },
	})
	root.AddCommand(initCommand(p), checkCommand(p), healthCommand(p), demoCommand(p))
	p.Complete(root)
	return root
}

func initCommand(p *cli.Program) *cobra.Command {
	var region, client string
	c := &cobra.Command{
		Use:     "init --region REGION --client-id ID",
		Short:   "Write a commented rekey.yaml",
		Example: "  " + p.Name + " init --region eu-west-1 --client-id 1h57kf5cpq17m0eml12example",
		Args:    cli.Args(),
		RunE:    func(*cobra.Command, []string) error { return initialise(p, region, client) },
	}
	c.Flags().StringVar(&region, "region", "", "the user pool's AWS Region")
	c.Flags().StringVar(&client, "client-id", "", "the app client of the page where users enter the code")
	return c
}

func initialise(p *cli.Program, region, client string) error {
	if region == "" || client == "" {
		return cli.Usage("write  %s init --region REGION --client-id ID: the AWS Region of the user pool, "+
			"and the app client of the page where users enter the code", p.Name)
	}
	path := p.ConfigPath()
	if path == "" {
		path = p.Getenv("REKEY_CONFIG")
	}
	if path == "" {
		path = config.DefaultPath
	}
	if err := config.WriteInit(path, region, client); err != nil {
		return cli.WithCode(cli.CodeUsage, err)
	}
	return say(p.Stdout, "wrote %s, with one pool named prod. Look at redis in it, then:\n  %s%s\n", path, p.Name, p.ConfigFlag())
}
