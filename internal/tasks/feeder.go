package tasks

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
)

const (
	// feedEvery keeps a window of two seconds filled, and a single reset waiting
	// for no longer than somebody looks at a screen.
	feedEvery = 200 * time.Millisecond
	// renewEvery renews the lease, which lasts ten seconds.
	renewEvery = 3 * time.Second
	// listEvery is how soon a campaign that was started is noticed.
	listEvery = time.Second
	// laterEvery: what stands there waited for more than a minute.
	laterEvery = time.Second
	// tidyEvery is for what has time.
	tidyEvery = time.Minute
)

// feeder moves rows from the pool's campaigns into its queues, while its worker
// holds the lease. Two at once would only feed the same rows, and the ledger
// lets each be called once.
type feeder struct {
	*Server
	queues *queues
	// Urgent campaigns take turns among themselves, the others among themselves.
	urgentTurns, otherTurns turns
	walks                   walks

	held      bool      // the lease is ours
	heldUntil time.Time // as far as we know
	renewed   time.Time
	all       []campaign.Campaign
	listed    time.Time
	looked    time.Time
	tidied    time.Time
	fetched   time.Time
	strayed   time.Time
	pauseSeen time.Time

	crew     []campaign.Worker // the pool's workers, asked for when a key is not here
	crewSeen time.Time
	keys     map[string]string // of campaigns that wait for one
	damages  map[string]bool   // that the log has been told of
}

func newFeeder(s *Server) *feeder {
	return &feeder{Server: s, queues: newQueues(s.pool.Redis, s.name), walks: newWalks(), damages: map[string]bool{}}
}

// run feeds until ctx ends, and gives the lease back.
func (f *feeder) run(ctx context.Context) {
	every(ctx, feedEvery, func() {
		if err := f.round(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("the feeder will try again", "err", err)
		}
	})
	if f.held {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainGrace/2)
		defer cancel()
		_ = f.pool.Store.Release(ctx, f.opts.Worker) // or it runs out
	}
	f.metrics.forget(f.name)
}

// round is everything that the feeder does five times a second.
func (f *feeder) round(ctx context.Context) error {
	if err := f.lease(ctx); err != nil || !f.held {
		return err
	}
	if err := f.lookAtCalls(ctx); err != nil {
		return err
	}
	if err := f.lookAtPause(ctx); err != nil {
		return err
	}
	all, err := f.campaigns(ctx)
	if err != nil {
		return err
	}
	if err := f.tidy(ctx); err != nil {
		return err
	}
	return f.feed(ctx, all)
}

// lease takes or renews the lease. One that could not be renewed in time is
// somebody else's by now.
func (f *feeder) lease(ctx context.Context) error {
	now := time.Now()
	if f.held && now.After(f.heldUntil) {
		f.lost()
	}
	if now.Sub(f.renewed) < renewEvery {
		return nil
	}
	f.renewed = now
	held, err := f.pool.Store.Lease(ctx, f.opts.Worker)
	switch {
	case err != nil:
		return err
	case !held && f.held:
		f.lost()
	case held:
		f.heldUntil = now.Add(campaign.LeaseFor)
		if !f.held {
			return f.takeOver(ctx)
		}
	}
	return nil
}

func (f *feeder) takeOver(ctx context.Context) error {
	f.log.Info("this worker feeds the pool now")
	f.held = true
	f.walks, f.listed = newWalks(), time.Time{}
	return f.queues.publish(ctx)
}

func (f *feeder) lost() {
	f.log.Info("another worker feeds the pool now")
	f.held = false
	f.paused.forget() // another worker says so now
	f.metrics.forget(f.name)
}

// campaigns reads all of the pool once a second, and between only those that
// run: a pool keeps the ledgers of years.
func (f *feeder) campaigns(ctx context.Context) ([]campaign.Campaign, error) {
	if time.Since(f.listed) >= listEvery {
		all, err := f.pool.Store.Campaigns(ctx)
		if err = f.passOver(err); err != nil {
			return nil, err
		}
		f.all, f.listed = all, time.Now()
		f.metrics.report(f.name, all, f.clock.now())
		return all, nil
	}
	for i, c := range f.all {
		if c.State != campaign.Running {
			continue
		}
		again, err := f.pool.Store.Campaign(ctx, c.ID)
		if err != nil {
			f.listed = time.Time{} // it may be gone: the next round lists them all
			return nil, err
		}
		f.all[i] = again
	}
	return f.all, nil
}

// lookAtCalls finds the calls of workers that died.
func (f *feeder) lookAtCalls(ctx context.Context) error {
	if time.Since(f.looked) < f.next.hour.LookEvery() {
		return nil
	}
	f.looked = time.Now()
	doubts, err := f.pool.Store.LookAtCalls(ctx)
	if doubts > 0 {
		f.log.Warn("calls that were never answered are in doubt", "rows", doubts)
	}
	return f.passOver(err)
}

// tidy does what has time: days that are over, rosters that have expired.
func (f *feeder) tidy(ctx context.Context) error {
	if time.Since(f.tidied) < tidyEvery {
		return nil
	}
	f.tidied = time.Now()
	if err := f.queues.publish(ctx); err != nil {
		return err
	}
	if err := f.pool.Store.CloseDays(ctx); err != nil {
		return err
	}
	expired, err := f.pool.Store.Expire(ctx)
	for _, id := range expired {
		f.log.Info("the roster was deleted after its retention", "campaign", id)
	}
	return err
}

// feed fills the window. Nothing is fed while nothing may be called: the queue
// would only grow old.
func (f *feeder) feed(ctx context.Context, all []campaign.Campaign) error {
	rate, open := f.open()
	if !open {
		return nil
	}
	all, err := f.readable(ctx, all)
	if err != nil {
		return err
	}
	now := f.clock.now()
	missing, err := f.strays(ctx, now)
	if err != nil {
		return err
	}
	urgent, other, err := f.queues.lengths(ctx, now)
	if err != nil {
		return err
	}
	f.metrics.window.WithLabelValues(f.name).Set(float64(urgent.due + other.due))
	asked, err := f.pool.Store.Walks(ctx)
	if err = f.passOver(err); err != nil {
		return err
	}
	see := sight{asked: asked, orphans: missing || urgent.orphans+other.orphans > 0, idle: urgent.all+other.all == 0}
	if see.unlisted, err = f.unlisted(ctx, all, see.idle); err != nil {
		return err
	}
	f.walks.notice(time.Now(), all, see)
	urgentRoom, otherRoom := room(rate, urgent.due, other.due)
	return newMeal(f, now).serve(ctx, all, urgentRoom, otherRoom)
}

// open says whether rows may be fed, and the rate that the window goes by: what
// is allowed right now. While throttles have cut the rate the queue must not hold
// more than before, since a row that waits anew goes to its end.
func (f *feeder) open() (rate float64, open bool) {
	state := f.bucket.Load()
	if state == nil || !state.BudgetBack.IsZero() {
		return 0, false
	}
	if _, blocked := state.Blocked(f.name); blocked {
		return 0, false
	}
	if !state.Held {
		return f.pool.Bucket.Quota().Rate(), true // nobody has claimed the bucket yet
	}
	return state.Allowed, true
}
