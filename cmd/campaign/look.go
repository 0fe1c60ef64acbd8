package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

// view is a campaign as JSON shows it. Its shape is a contract: fields are
// added, never changed.
type view struct {
	ID        string            `json:"id"`
	Pool      string            `json:"pool"`
	State     string            `json:"state"`
	Reason    string            `json:"reason"`
	Next      string            `json:"next"`
	Total     int64             `json:"total"`
	Counts    counts            `json:"counts"`
	Parked    int64             `json:"parked"`
	Causes    map[string]int64  `json:"causes"`
	Samples   map[string]string `json:"samples"`
	Rate      rate              `json:"rate"`
	LimitedBy string            `json:"limited_by"`
	StartedAt string            `json:"started_at"`
	EndsAt    string            `json:"ends_at"`
	CreatedAt string            `json:"created_at"`
	Priority  string            `json:"priority"`
	OnDoubt   string            `json:"on_doubt"`
	OnLive    string            `json:"on_live"`
	Guard     string            `json:"guard"`
	File      string            `json:"file"`
	Workers   int               `json:"workers"`
	Away      int               `json:"workers_away"`

	ends time.Time // for people
}

// counts are the rows by the words that people see: parked rows are in doubt.
type counts struct {
	Planned  int64 `json:"planned"`
	Calling  int64 `json:"calling"`
	Waiting  int64 `json:"waiting"`
	Accepted int64 `json:"accepted"`
	Dead     int64 `json:"dead"`
	InDoubt  int64 `json:"in_doubt"`
	Skipped  int64 `json:"skipped"`
}

// rate is in calls a second, for the whole quota.
type rate struct {
	Limit      float64 `json:"limit"`
	Configured float64 `json:"configured"`
	Allowed    float64 `json:"allowed"`
	Measured   float64 `json:"measured"`
}

// surroundings are what bears on all campaigns of a pool.
type surroundings struct {
	bucket  ratelimit.State
	workers int
	// away are the workers that do not reach Cognito, and back when the first of
	// them tries again.
	away   int
	back   time.Time
	others []campaign.Campaign // of the pool
	// damaged names those that cannot be read, if any.
	damaged error
	// standby is when workers take over a quota whose numbers in the bucket are
	// those of workers that have gone; zero when there is nothing to take over.
	standby time.Time
	// queues are those that are paused with asynq's tools, by what they are for.
	queues map[bool]string // urgent campaigns, others
}

// paused names the queue of a priority if it is paused, as the feeding worker
// has found: an operator may not be allowed to look at queues.
func (s surroundings) paused(p campaign.Priority) string { return s.queues[p == campaign.Urgent] }

func (t *target) look(ctx context.Context) (surroundings, error) {
	var s surroundings
	var err error
	if s.others, err = t.Campaigns(ctx); campaign.Unreadable(err) {
		s.damaged, err = err, nil
	}
	if err != nil {
		return s, err
	}
	if s.bucket, err = ratelimit.Peek(ctx, t.rdb, t.quota.Name); err != nil {
		return s, err
	}
	workers, err := t.Workers(ctx)
	s.workers = len(workers)
	s.bucket = s.bucket.Under(ratelimit.Quota(t.quota))
	s.standby = t.standby(s.bucket, workers)
	s.away, s.back = campaign.Away(workers, s.bucket.Now)
	s.queues = pausedQueues(workers)
	return s, err
}

func pausedQueues(workers []campaign.Worker) map[bool]string {
	queues := map[bool]string{}
	for _, w := range workers {
		queues[false], queues[true] = cmp.Or(queues[false], w.Paused), cmp.Or(queues[true], w.UrgentPaused)
	}
	return queues
}

// standby: after a change of the quota the workers with the new numbers wait
// for the lease of the last one with the old.
func (t *target) standby(b ratelimit.State, workers []campaign.Worker) time.Time {
	d := b.Differs(ratelimit.Quota(t.quota))
	if d == nil || slices.ContainsFunc(workers, func(w campaign.Worker) bool { return w.Name == d.By }) {
		return time.Time{}
	}
	return b.Now.Add(d.Left)
}

// view puts together what is shown of a campaign.
func (t *target) view(ctx context.Context, c campaign.Campaign, s surroundings) (view, error) {
	v := view{
		ID: c.ID, Pool: c.Pool, State: string(c.State), Reason: c.Reason, Next: c.Next, Total: c.Total,
		Counts: countsOf(c.Counts), Parked: c.Counts.Parked, Causes: map[string]int64{}, Samples: map[string]string{},
		Rate:      rate{s.bucket.Limit, tenth(s.bucket.Configured), tenth(s.bucket.AllowedTo(c.Pool)), tenth(s.bucket.Measured)},
		StartedAt: cli.Time(c.Started), CreatedAt: cli.Time(c.Created),
		Priority: string(c.Priority), OnDoubt: string(c.OnDoubt), OnLive: string(c.OnLive), Guard: c.Guard.String(),
		File: c.File, Workers: s.workers, Away: s.away,
	}
	for cause, n := range c.CausesOf(campaign.Dead, campaign.InDoubt, campaign.Parked, campaign.Waiting) {
		if n > 0 && cause != 0 {
			v.Causes[cause.String()] += n
		}
	}
	for cause, sample := range c.Samples {
		v.Samples[cause.String()] = sample
	}
	due, err := t.due(ctx, c)
	v.LimitedBy = limitedBy(c, s, t.pool.Concurrency, due)
	v.ends = endOf(c, s, due)
	v.EndsAt = cli.Time(v.ends)
	return v, err
}

func countsOf(c campaign.Counts) counts {
	return counts{c.Planned, c.Calling, c.Waiting, c.Accepted, c.Dead, c.InDoubt + c.Parked, c.Skipped}
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

// due returns when the next row may be called, if a campaign is at the point
// where all that is left waits; else the zero time. It reads the whole ledger,
// so it is asked only then.
func (t *target) due(ctx context.Context, c campaign.Campaign) (time.Time, error) {
	if c.State != campaign.Running || c.Counts.Planned+c.Counts.Calling > 0 || c.Counts.ToDo() == 0 {
		return time.Time{}, nil
	}
	var first time.Time
	for line, err := range t.Rows(ctx, c, campaign.Filter{States: []campaign.State{campaign.Waiting, campaign.InDoubt}}) {
		if err != nil {
			return first, err
		}
		if first.IsZero() || line.At.Before(first) {
			first = line.At
		}
	}
	return first, nil
}
