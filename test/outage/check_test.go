package outage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// calls returns what the twin did, by username, in its order.
func (r *rig) calls() map[string][]cognitosim.Entry {
	calls := map[string][]cognitosim.Entry{}
	for _, e := range r.twin.Journal() {
		calls[e.Username] = append(calls[e.Username], e)
	}
	return calls
}

// callsIn counts the calls that reached the twin in a span of time.
func (r *rig) callsIn(from, to time.Time) (n int) {
	for _, e := range r.twin.Journal() {
		if !e.At.Before(from) && e.At.Before(to) {
			n++
		}
	}
	return n
}

// busiest is the most calls of any second after from.
func (r *rig) busiest(from time.Time) (most int) {
	var at []time.Time
	for _, e := range r.twin.Journal() {
		if e.At.After(from) {
			at = append(at, e.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	for first, last := 0, 0; last < len(at); last++ {
		for at[last].Sub(at[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// wantRate checks the promise about every second after from. To what the bucket
// gives comes what a token's life of a quarter of a second may push together.
func (r *rig) wantRate(from time.Time) {
	r.t.Helper()
	if most, limit := r.busiest(from), int(1.3*r.rate)+burst; most > limit {
		r.t.Errorf("a second held %d calls, the rate is %g a second", most, r.rate)
	}
}

// audit holds the ledger against the journal, row by row: everybody was called,
// and the ledger says of each what the last call brought.
func (r *rig) audit(id string, names []string) {
	r.t.Helper()
	calls, rows := r.calls(), 0
	for line, err := range r.store.Rows(r.t.Context(), r.campaign(id), campaign.Filter{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		rows++
		mine := calls[line.Username.Reveal()]
		switch {
		case len(mine) == 0:
			r.t.Errorf("row %s is %s and was never called", line.Ref, line.State)
		case (line.State == campaign.Accepted) != (mine[len(mine)-1].Answer == cognitosim.OK):
			r.t.Errorf("row %s is %s; the twin's last answer was %q", line.Ref, line.State, mine[len(mine)-1].Answer)
		}
	}
	if rows != len(names) {
		r.t.Errorf("the report has %d rows of %d", rows, len(names))
	}
}

// wantEachCalledOnce is for outages in which no answer was lost.
func (r *rig) wantEachCalledOnce(names []string) {
	r.t.Helper()
	calls, wrong := r.calls(), 0
	for _, name := range names {
		if n := len(calls[name]); n != 1 {
			wrong++
			if wrong <= 3 {
				r.t.Errorf("%s was called %d times: %+v", name, n, calls[name])
			}
		}
	}
	if wrong > 0 {
		r.t.Errorf("%d users were not called exactly once", wrong)
	}
}

// scripts counts the scripts that were asked for, refused ones too.
func (r *rig) scripts(c redis.Cmdable) (n int) {
	r.t.Helper()
	info, err := c.Info(r.t.Context(), "commandstats").Result()
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !strings.HasPrefix(name, "cmdstat_eval") {
			continue
		}
		for field := range strings.SplitSeq(rest, ",") {
			var calls int
			if _, err := fmt.Sscanf(field, "calls=%d", &calls); err == nil {
				n += calls
			}
			if _, err := fmt.Sscanf(field, "rejected_calls=%d", &calls); err == nil {
				n += calls
			}
		}
	}
	return n
}
