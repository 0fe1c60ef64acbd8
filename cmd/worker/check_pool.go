package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/tasks"
)

// awsLimit is what AWS allows an account in a Region, and does not raise.
const awsLimit = 30

// quota compares the file's numbers with AWS's, and with other workers'.
func (k *check) quota(ctx context.Context) {
	for _, q := range k.quotas() {
		var f finding
		if state, err := ratelimit.Peek(ctx, k.rdb, q.Name); err != nil {
			f = k.error(err)
		} else {
			f = numbers(state, q, k.rehearsal(q))
		}
		k.add("quota "+q.Name, "numbers", f)
	}
}

// rehearsal reports whether nothing on the quota goes to AWS.
func (k *check) rehearsal(q config.Quota) bool {
	return !slices.ContainsFunc(k.pools, func(p config.Pool) bool { return p.Quota == q.Name && p.Endpoint == "" })
}

func numbers(s ratelimit.State, q config.Quota, rehearsal bool) finding {
	f := finding{Level: fine, Says: fmt.Sprintf("%s of %s", cli.Rate(q.Rate()), cli.Rate(q.Limit))}
	d := s.Differs(ratelimit.Quota(q))
	switch {
	case d != nil && !byCheck(d.By):
		f.Level, f.Do = warned, "make the files agree, or wait until those workers have gone"
		f.Says += fmt.Sprintf(": %s is %s here and %s at worker %s, so a worker with this file stands by", d.Key, d.Ours, d.Theirs, d.By)
	case q.Limit > awsLimit && !rehearsal:
		f.Level, f.Do = warned, "set limit: 30"
		f.Says += ": AWS allows an account 30 in a Region, and does not raise it"
	case s.Held && d == nil && !byCheck(s.By):
		f.Says += ", as at worker " + s.By
	}
	return f
}

// client says what the calls will go to.
func client(p config.Pool) finding {
	c := clientConfig(p)
	if err := c.Validate(); err != nil {
		return finding{Level: failed, Says: err.Error()}
	}
	secrets := [...]string{"no secret", "a secret", "two secrets"}[len(c.ClientSecrets)]
	f := finding{Level: fine, Says: fmt.Sprintf("%s, client %s, %s", p.Region, short(p.ClientID), secrets)}
	if p.Endpoint != "" {
		f.Level, f.Do = warned, "take endpoint out to send"
		f.Says += fmt.Sprintf(", but not AWS: %s is called", p.Endpoint)
	}
	return f
}

// pool looks at what Redis knows of the pool.
func (k *check) pool(ctx context.Context, p config.Pool) {
	about := "pool " + p.Name
	store, err := campaign.Open(ctx, k.rdb, campaign.Pool{
		Name: p.Name, Hour: reset.Hour(p.Hour), CaseSensitive: p.CaseSensitive, Retention: p.Retention,
	})
	if err != nil {
		k.add(about, "campaigns", k.error(err))
		return
	}
	k.add(about, "workers", k.workers(ctx, store))
	k.add(about, "queues", k.queues(ctx, p))
	k.add(about, "tokens", k.tokens(ctx, p))
	all, err := store.Campaigns(ctx)
	if campaign.Unreadable(err) {
		f := k.error(err)
		f.Level = warned // the others are sent
		k.add(about, "campaigns", f)
		err = nil
	}
	if err != nil {
		k.add(about, "campaigns", k.error(err))
		return
	}
	k.add(about, "rosters", rosters(all, k.ring))
	k.halts(ctx, about, store, all)
}

func (k *check) workers(ctx context.Context, store *campaign.Store) finding {
	all, err := store.Workers(ctx)
	if err != nil {
		return k.error(err)
	}
	if len(all) == 0 {
		return finding{Level: fine, Says: "none serves the pool yet", Do: "start one with  " + k.p.Name + k.p.ConfigFlag()}
	}
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = strings.TrimSpace(w.Name + " " + w.Info)
	}
	f := finding{Level: fine, Says: fmt.Sprintf("%d: %s", len(all), strings.Join(names, ", "))}
	now, err := k.rdb.Time(ctx).Result()
	if err != nil {
		return k.error(err)
	}
	if n, back := campaign.Away(all, now); n > 0 {
		f.Level, f.Do = warned, "they try again by themselves, and at once after a restart; their logs say why:  no connection to Cognito"
		f.Says += fmt.Sprintf("; %d of %d have no way to Cognito until %s", n, len(all), cli.Time(back))
	}
	return f
}

// queues says whether somebody paused the pool's queues with asynq's tools.
func (k *check) queues(ctx context.Context, p config.Pool) finding {
	other, urgent, err := tasks.Paused(ctx, k.rdb, p.Name)
	var names, keys []string
	for name, paused := range map[string]bool{tasks.Queue(p.Name): other, tasks.UrgentQueue(p.Name): urgent} {
		if paused {
			names, keys = append(names, name), append(keys, tasks.PausedKey(name))
		}
	}
	slices.Sort(names)
	slices.Sort(keys)
	switch {
	case err != nil:
		return k.error(err)
	case len(names) == 0:
		return finding{Level: fine, Says: "nobody has paused them"}
	}
	return finding{Level: warned, Says: "paused with asynq's tools, so nothing of them is sent: " + strings.Join(names, ", "),
		Do: "unpause them there, or  redis-cli DEL " + strings.Join(keys, " ")}
}

// tokens says whether calls may leave at this moment.
func (k *check) tokens(ctx context.Context, p config.Pool) finding {
	state, err := ratelimit.Peek(ctx, k.rdb, p.Quota)
	switch why := state.LimitedBy(p.Name); {
	case err != nil:
		return k.error(err)
	case stopped(state, p):
		return finding{Level: warned, Says: "none: " + why, Do: "nothing is sent until then"}
	case state.Throttled:
		return finding{Level: warned, Says: fmt.Sprintf("throttled: %s allowed of %s", cli.Rate(state.Allowed), cli.Rate(state.Configured)),
			Do: "the rate returns by itself; who else uses the quota?"}
	}
	return finding{Level: fine, Says: "nothing holds calls back"}
}

// stopped reports whether no token will be given for longer than a moment.
func stopped(s ratelimit.State, p config.Pool) bool {
	_, blocked := s.Blocked(p.Name)
	return blocked || !s.BudgetBack.IsZero()
}

// halts lists what waits for an operator's  campaign resume.
func (k *check) halts(ctx context.Context, about string, store *campaign.Store, all []campaign.Campaign) {
	halt, err := store.Halt(ctx)
	if err != nil {
		k.add(about, "halts", k.error(err))
		return
	}
	if halt != nil {
		k.add(about, "halts", finding{Level: warned, Says: "the pool is halted since " + cli.Time(halt.At) + ": " + halt.Reason, Do: halt.Next})
	}
	none := halt == nil
	for _, c := range all {
		if c.State == campaign.Halted && !c.PoolHalted {
			k.add(about, "halts", finding{Level: warned, Says: c.ID + " is halted: " + c.Reason, Do: c.Next})
			none = false
		}
	}
	if none {
		k.add(about, "halts", finding{Level: fine, Says: "none"})
	}
}
