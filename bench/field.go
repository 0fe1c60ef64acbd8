package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/test/process"
)

// field is a Redis, a twin and a configuration: all that a worker needs.
type field struct {
	users int
	file  string        // of the users; the twin's own where empty
	twin  []string      // more arguments of the twin
	redis []string      // of redis-server
	rate  float64       // no quota where 0
	quota string        // instead of rate, as rekey.yaml has it
	late  time.Duration // of Redis's answers, through a proxy
	pool  string        // more of the pool's settings
	key   bool          // rosters are encrypted

	s       *rig.Stage
	server  *embedredis.Server
	rdb     *redis.Client
	proxy   *rig.Proxy // nil where answers are not late
	cognito *rig.Twin
	config  string // of workers; operators have no proxy
	direct  string
	store   *campaign.Store
}

// newField makes a field of what is said of it.
func newField(ctx context.Context, s *rig.Stage, f field) (*field, error) {
	f.s = s
	for _, step := range []func(context.Context) error{f.startRedis, f.startTwin, f.configure} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return &f, nil
}

func (f *field) startRedis(ctx context.Context) (err error) {
	f.server, f.rdb, err = f.s.Redis(ctx, f.redis...)
	if err != nil {
		return err
	}
	f.store, err = campaign.Open(ctx, f.rdb, campaign.Pool{Name: "bench", Hour: reset.Hour(time.Hour)})
	return err
}

func (f *field) startTwin(ctx context.Context) (err error) {
	if f.cognito, err = f.s.Twin(f.users, f.twin...); err != nil {
		return err
	}
	if f.file == "" {
		f.file, err = f.s.Users(ctx, f.users)
	}
	return err
}

func (f *field) configure(context.Context) (err error) {
	c := rig.Config{Redis: f.server.URL(), Twin: f.cognito.Address, Rate: f.rate, Quota: f.quota, Pool: f.pool, Key: f.key}
	if c.Rate == 0 {
		c.Rate, c.Burst = rig.NoQuota, 1000
	}
	if f.direct, err = f.s.Configure("rekey.yaml", c); err != nil || f.late == 0 {
		f.config = f.direct
		return err
	}
	if f.proxy, err = f.s.Proxy(f.server, f.late); err != nil {
		return err
	}
	c.Redis = f.proxy.URL()
	f.config, err = f.s.Configure("late.yaml", c)
	return err
}

// worker starts one and returns it.
func (f *field) worker() (*process.Process, error) { return f.s.Go(f.config, "worker") }

// start loads all users as a campaign and starts it.
func (f *field) start(ctx context.Context, id string) error {
	_, err := f.s.Run(ctx, f.direct, "enqueue", "--campaign", id, "--guard", "off", "--start", "--confirm", strconv.Itoa(f.users), f.file)
	return err
}

// sendAll has one worker send one campaign to all users, to its end.
func (f *field) sendAll(ctx context.Context, id string) error {
	if err := f.start(ctx, id); err != nil {
		return err
	}
	w, err := f.worker()
	if err != nil {
		return err
	}
	defer w.Kill()
	c, err := f.until(ctx, id, func(c campaign.Campaign) bool { return c.State == campaign.Done })
	if err != nil {
		return fmt.Errorf("%w; the worker said:\n%s", err, process.Tail(w.Said()))
	}
	if n := c.Counts.Accepted; n != int64(f.users) {
		return fmt.Errorf("%d of %d users were accepted", n, f.users)
	}
	return nil
}

// fieldPatience bounds every wait for a campaign.
const fieldPatience = 5 * time.Minute

// until looks at a campaign again and again until it is as wanted.
func (f *field) until(ctx context.Context, id string, ok func(campaign.Campaign) bool) (c campaign.Campaign, err error) {
	ctx, cancel := context.WithTimeout(ctx, fieldPatience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err = f.store.Campaign(ctx, id); err != nil || ok(c) {
			return c, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, fmt.Errorf("campaign %s is %s after %s: %+v", id, c.State, fieldPatience, c.Counts)
		}
	}
}
