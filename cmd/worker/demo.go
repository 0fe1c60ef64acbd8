package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// demoBanner is the first line, so that nobody is frightened.
const demoBanner = "DEMO: nothing leaves this machine. No real user is contacted."

const (
	demoUsers = 600
	demoRate  = 60
	demoID    = "demo"
	// demoHour makes doubts and per-user limits run their full course while
	// somebody watches.
	demoHour = 10 * time.Second
	// demoLatency leaves calls in flight to be seen.
	demoLatency = 40 * time.Millisecond
	// demoMemory is how many users the Redis in memory can bear; see embedredis.
	demoMemory = 10_000
)

// demoOptions are what is asked for.
type demoOptions struct {
	users  int
	file   string
	rate   float64
	faults *cli.Choice
	seed   uint64
	once   bool
}

func demoCommand(p *cli.Program) *cobra.Command {
	o := demoOptions{faults: cli.OneOf("mild", "none", "storm")}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Everything in one process, against Cognito's twin",
		Long: `Everything in one process: a Redis, Amazon Cognito's twin, a worker and a
campaign. Nothing leaves this machine. An hour of Cognito's lasts ten seconds,
so calls without an answer and users with too many attempts run their full
course. It reads no rekey.yaml.`,
		Example: "  " + p.Name + " demo --users 2000 --rate 400 --faults storm\n  " + p.Name + " demo --file users.csv --once",
		Args:    cli.Args(),
		RunE:    func(c *cobra.Command, _ []string) error { return demo(c.Context(), p, o) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.IntVar(&o.users, "users", demoUsers, "how many users there are")
	f.StringVar(&o.file, "file", "", "use this `file` of users instead, CSV or NDJSON; some of them are made to fail")
	f.Float64Var(&o.rate, "rate", demoRate, "calls a second")
	f.Var(o.faults, "faults", "what goes wrong")
	f.Uint64Var(&o.seed, "seed", 1, "decides every chance of the twin's")
	f.BoolVar(&o.once, "once", false, "end with the campaign; 0 when every row is accounted for")
	return c
}

func (o demoOptions) check() error {
	switch {
	case o.users < 1 || o.users > 1_000_000:
		return cli.Usage("--users: %d is not from 1 to 1,000,000", o.users)
	case !(o.rate >= 1) || o.rate > 5000:
		return cli.Usage("--rate: %v is not from 1 to 5000", o.rate)
	}
	return nil
}

// demo runs the demonstration: set up, load, start, watch, account.
func demo(ctx context.Context, p *cli.Program, o demoOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if err := say(p.Stdout, "%s\n", demoBanner); err != nil {
		return err
	}
	s, err := newStage(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.begin(ctx, p); err != nil {
		return err
	}
	c, err := s.watch(ctx, p)
	if err != nil {
		return err
	}
	fault := s.account(ctx, p, c)
	if err := s.advise(p); err != nil || o.once {
		return errors.Join(fault, err)
	}
	<-ctx.Done()
	return fault
}

// begin loads and starts the campaign.
func (s *stage) begin(ctx context.Context, p *cli.Program) error {
	plan, err := s.load(ctx, p)
	if err != nil {
		return err
	}
	if err := s.store.Start(ctx, demoID, plan.Users); err != nil {
		return err
	}
	return say(p.Stdout, "%s", s.opening(plan.Users))
}

// opening says what there is, before anything moves.
func (s *stage) opening(users int64) string {
	twin := "no faults"
	if f := s.o.faults.String(); f != "none" {
		twin = f + " faults"
	}
	return fmt.Sprintf("  Redis     %s\n  Cognito   the twin at %s, %s, an hour lasts %s\n  campaign  %s: %s users at %s\n%s\n",
		about(s.redis.Real()), s.url, twin, demoHour, demoID, cli.Count(users), cli.Rate(s.o.rate), s.where())
}

// where the log is: with --once it is gone before anybody could look.
func (s *stage) where() string {
	if s.o.once {
		return ""
	}
	return fmt.Sprintf("  log       %s\n", s.logPath)
}

// about says which Redis this is.
func about(server bool) string {
	if server {
		return "a redis-server of its own"
	}
	return fmt.Sprintf("in memory, as no redis-server is on PATH: at most %s users", cli.Count(demoMemory))
}

// advise says what to try here, and how to do it for real.
func (s *stage) advise(p *cli.Program) error { return say(p.Stdout, "%s", s.advice(p)) }

func (s *stage) advice(p *cli.Program) string {
	worker, enqueue, operate := p.Name, p.Sibling("enqueue"), p.Sibling("campaign")
	var b strings.Builder
	if worker == "worker" { // of a checkout, by go run perhaps: nothing is on PATH
		b.WriteString("\nThe commands below, if they are not built yet:\n  go build -o bin/ ./cmd/...\n")
		worker, enqueue, operate = "bin/"+worker, "bin/"+enqueue, "bin/"+operate
	}
	if !s.o.once {
		b.WriteString(s.lookAround(enqueue, operate))
	}
	b.WriteString(realCampaign(worker, enqueue, operate))
	return b.String()
}

// lookAround names the file once: with it no command fits into a line.
func (s *stage) lookAround(enqueue, operate string) string {
	return fmt.Sprintf(`
Look around in another terminal; the worker goes on until Ctrl-C:
  demo=%[3]s
  %[2]s show %[4]s --config $demo
  %[2]s report %[4]s --state dead --config $demo
  %[2]s replay %[4]s --state dead --confirm N --config $demo
  %[1]s --username %[5]s --wait --config $demo
`, enqueue, operate, s.configPath, demoID, s.someone)
}

// realCampaign is what to do for one, to be copied line by line.
func realCampaign(worker, enqueue, operate string) string {
	steps := [][2]string{
		{worker + " init --region REGION --client-id ID", "writes rekey.yaml"},
		{worker + " check --probe", "is it fit to send?"},
		{worker, "serves; run several"},
		{enqueue + " --campaign breach-2026 users.csv", "a draft; sends nothing"},
		{operate + " start breach-2026 --confirm N", "N: the users of the plan"},
		{operate + " show breach-2026", "how it goes"},
		{operate + " report breach-2026", "a line a user"},
	}
	width := 0
	for _, s := range steps {
		width = max(width, len(s[0]))
	}
	var b strings.Builder
	b.WriteString(`
A real campaign takes two files,
  rekey.yaml   the Redis and the user pool; look at redis in it
  users.csv    a header (username, sub, email, …), then a line a user
and these commands:
`)
	for _, s := range steps {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, s[0], s[1])
	}
	b.WriteString("Old passwords keep working until a user enters the code.\n")
	return b.String()
}

// faultsOf are the twin's.
func (o demoOptions) faultsOf() ([]cognitosim.Fault, error) {
	return cognitosim.Preset(o.faults.String())
}

// over reports whether nothing more will happen by itself.
func over(c campaign.Campaign) bool {
	return c.State.Ended() || c.State == campaign.Halted || c.State == campaign.Paused
}
