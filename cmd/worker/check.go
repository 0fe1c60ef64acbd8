package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/roster"
)

// patience is how long a part waits for a Redis that hangs, all told.
const patience = 30 * time.Second

func checkCommand(p *cli.Program) *cobra.Command {
	var pool string
	var probe bool
	output := cli.OneOf("table", "json")
	c := &cobra.Command{
		Use:   "check",
		Short: "Is this configuration fit to send? Sends nothing",
		Long: `Is this configuration fit to send? One line a check: ok, warn or fail, what is,
and what to do. It ends with 0 when nothing fails; warnings do not count.

It sends nothing. With --probe it makes one call a pool (with two client secrets
one for each), within the quota, for a random name that cannot exist: the answer
tells whether Region, client and secret are right, whether a web ACL is in the
way, and whether the client hides unknown users. Nobody gets a message; a user
migration Lambda is asked for the name. Without Redis there is no probe.

What no check can see is whether messages go out: the sender, the SES sandbox,
the roles, Lambdas that write messages. Reset one user of your own for that.`,
		Example: "  " + p.Name + " check --probe",
		Args:    cli.Args(),
		RunE: func(c *cobra.Command, _ []string) error {
			k, err := newCheck(p, pool)
			if err != nil {
				return err
			}
			k.run(c.Context(), probe)
			if err := c.Context().Err(); err != nil {
				return err // what was found is the interruption's work
			}
			return k.report(output.String() == "json", probe)
		},
	}
	c.Flags().StringVar(&pool, "pool", "", "only this pool (default all of the file)")
	c.Flags().BoolVar(&probe, "probe", false, "make one call a pool for a name that cannot exist")
	c.Flags().Var(output, "output", "how to print")
	return c
}

// level is how a check came out.
type level string

const (
	fine   level = "ok"
	warned level = "warn"
	failed level = "fail"
)

// above orders the levels.
func (l level) above(o level) bool { return l.rank() > o.rank() }

func (l level) rank() int { return slices.Index([]level{fine, warned, failed}, l) }

// finding is what one check has found.
type finding struct {
	Level level `json:"result"`
	// About is redis, roster_keys, quota NAME or pool NAME.
	About string `json:"about"`
	Check string `json:"check"`
	// Says is what is, Do what to do about it.
	Says string `json:"says"`
	Do   string `json:"do,omitempty"`
}

func (f finding) text() string {
	if f.Do == "" {
		return f.Says
	}
	return f.Says + "; " + f.Do
}

// check is one run of the command.
type check struct {
	p     *cli.Program
	cfg   *config.Config
	pools []config.Pool
	ring  *roster.Keys
	rdb   redis.UniversalClient
	found []finding
	// blind: Redis is in such a state that what it holds was not looked at.
	blind bool
}

func newCheck(p *cli.Program, pool string) (*check, error) {
	cfg, err := p.FullConfig()
	if err != nil {
		return nil, err
	}
	ring, err := roster.NewKeys(cfg.KeySecrets()...)
	if err != nil {
		return nil, cli.WithCode(cli.CodeUsage, err)
	}
	k := &check{p: p, cfg: cfg, ring: ring}
	for _, name := range slices.Sorted(maps.Keys(cfg.Pools)) {
		if pool == "" || pool == name {
			k.pools = append(k.pools, cfg.Pools[name])
		}
	}
	if len(k.pools) == 0 {
		_, err := cli.Pool(cfg, pool)
		return nil, err
	}
	return k, nil
}

// add notes what was found about something.
func (k *check) add(about, name string, f finding) {
	f.About, f.Check = about, name
	k.found = append(k.found, f)
}

// error is the finding that something could not be found out. An error of Redis
// says itself what to do; any other is about what is stored there.
func (k *check) error(err error) finding {
	told := cli.Explain(k.cfg.Redis, err)
	f := finding{Level: failed, Says: told.Error()}
	if !errors.As(told, new(*cli.Error)) {
		f.Do = "see who else writes to this Redis, and which version of rekey"
	}
	return f
}

// run looks at everything; what depends on something that failed is left out.
func (k *check) run(ctx context.Context, probe bool) {
	within(ctx, k.redis)
	if k.rdb != nil {
		defer func() { _ = k.rdb.Close() }()
	}
	k.add("roster_keys", "keys", k.rosterKeys())
	if !k.blind {
		within(ctx, k.quota)
	}
	for _, p := range k.pools {
		k.add("pool "+p.Name, "client", client(p))
		if !k.blind {
			within(ctx, func(ctx context.Context) { k.pool(ctx, p) })
		}
		if probe {
			k.probe(ctx, p)
		}
	}
}

// within gives a part its share of patience.
func within(ctx context.Context, look func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look(ctx)
}

// quotas are those of the pools that are looked at.
func (k *check) quotas() []config.Quota {
	names := map[string]bool{}
	for _, p := range k.pools {
		names[p.Quota] = true
	}
	var all []config.Quota
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, k.cfg.Quotas[name])
	}
	return all
}

// report prints what was found. Its error says that it is not fit.
func (k *check) report(json, probed bool) error {
	fails, warnings := k.count(failed), k.count(warned)
	var err error
	if json {
		err = cli.JSON(k.p.Stdout, struct {
			Fit    bool      `json:"fit"`
			Checks []finding `json:"checks"`
		}{fails == 0, k.found})
	} else {
		err = k.table(fails == 0, warnings, probed)
	}
	if err != nil || fails == 0 {
		return err
	}
	text := fmt.Sprintf("not fit to send: %d of %d checks failed", fails, len(k.found))
	if k.blind {
		text += "; quotas and pools were not looked at"
	}
	return cli.WithCode(cli.CodeFailed, errors.New(text))
}

func (k *check) count(l level) (n int) {
	for _, f := range k.found {
		if f.Level == l {
			n++
		}
	}
	return n
}

func (k *check) table(fit bool, warnings int, probed bool) error {
	rows := make([][]string, len(k.found))
	for i, f := range k.found {
		rows[i] = []string{string(f.Level), f.About, f.Check, oneLine(f.text())}
	}
	if err := cli.Table(k.p.Stdout, []string{"RESULT", "OF", "CHECK", "WHAT IS; WHAT TO DO"}, rows); err != nil || !fit {
		return err
	}
	text := "Fit to send"
	if !probed {
		text += ", as far as can be seen without a call; Region, client and secret are seen with --probe"
	}
	if warnings > 0 {
		text += fmt.Sprintf(". Warnings: %d", warnings)
	}
	return say(k.p.Stdout, "%s.\n", text)
}

// oneLine keeps an answer of somebody else's from making two lines.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
