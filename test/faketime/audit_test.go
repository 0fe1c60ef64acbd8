package faketime

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// lookOn looks at the campaigns every half a minute: their counters add up.
func (r *rig) lookOn(ctx context.Context) {
	for pause(ctx, 30*time.Second) {
		r.lookAtAll(ctx)
	}
}

func (r *rig) lookAtAll(ctx context.Context) {
	all, err := r.store.Campaigns(ctx)
	if err != nil && ctx.Err() == nil {
		r.t.Errorf("a look: %v", err)
	}
	for _, c := range all {
		if c.Counts.Sum() != c.Total {
			r.t.Errorf("%s at %v: the counters add up to %d of %d: %+v", c.ID, time.Now(), c.Counts.Sum(), c.Total, c.Counts)
		}
	}
}

// audit holds the ledger against the journal: nobody was forgotten, the
// counters are a recount, no user held two live codes, and no second held more
// calls than the rate allows.
func (r *rig) audit() {
	r.t.Helper()
	if d := r.sim.Doubles(); len(d) > 0 {
		r.t.Errorf("%d users held two live codes: %+v", len(d), d[0])
	}
	journal := r.callsForCodes()
	most := busiest(journal)
	if limit := 1.05*r.quota.Rate() + float64(r.quota.Burst); float64(most) > limit {
		r.t.Errorf("a second held %d calls, more than %.1f", most, limit)
	}
	calls := byUser(journal)
	all, err := r.store.Campaigns(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range all {
		r.auditCampaign(c, calls)
	}
}

func (r *rig) auditCampaign(c campaign.Campaign, calls map[string][]cognitosim.Entry) {
	r.t.Helper()
	if c.State != campaign.Done {
		r.t.Errorf("%s is %s", c.ID, c.State)
	}
	var recount [8]int64
	for name, row := range r.rows(c.ID) {
		recount[row.State]++
		mine := calls[name]
		if !row.State.Final() || len(mine) == 0 {
			r.t.Errorf("%s: %v after %d calls", row.Ref, row.State, len(mine))
			continue
		}
		if last := mine[len(mine)-1].Answer; (row.State == campaign.Accepted) != (last == cognitosim.OK) {
			r.t.Errorf("%s: %v, though the last answer was %q", row.Ref, row.State, last)
		}
	}
	for state, n := range recount {
		if have := c.Counts.Of(campaign.State(state)); have != n {
			r.t.Errorf("%s: the counter says %d rows are %v, there are %d", c.ID, have, campaign.State(state), n)
		}
	}
}

// busiest is how many calls came in the busiest second, wherever it begins.
func busiest(journal []cognitosim.Entry) (most int) {
	first := 0
	for i, e := range journal {
		for e.At.Sub(journal[first].At) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func byUser(journal []cognitosim.Entry) map[string][]cognitosim.Entry {
	calls := map[string][]cognitosim.Entry{}
	for _, e := range journal {
		calls[e.Username] = append(calls[e.Username], e)
	}
	return calls
}

// callsForCodes are the calls of the workers: what is in the journal beside
// them a user has done.
func (r *rig) callsForCodes() []cognitosim.Entry {
	return slices.DeleteFunc(r.sim.Journal(), func(e cognitosim.Entry) bool { return e.Operation != "" })
}

// between returns the calls of a span of time.
func (r *rig) between(from, to time.Time) []cognitosim.Entry {
	return slices.DeleteFunc(r.callsForCodes(), func(e cognitosim.Entry) bool { return e.At.Before(from) || !e.At.Before(to) })
}

// logbook is a log that is read while it is written.
type logbook struct {
	mu   sync.Mutex
	text []byte
}

// Write implements [io.Writer].
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *logbook) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-n):])
}
