package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// clockTries is how often a clock is asked; the quickest answer tells most.
	clockTries = 5
	// clockApart is how far clocks may be from each other unsaid.
	clockApart = 2 * time.Second
	// clockUnsaid is what is hardly worth a figure.
	clockUnsaid = 50 * time.Millisecond
)

// surveyed is what the servers say of themselves, by their addresses.
type surveyed struct {
	info   map[string]info
	clocks []clock
}

// clock is a server's, against this machine's.
type clock struct {
	addr  string
	ahead time.Duration
	trip  time.Duration // of the quickest answer
	err   error
}

func survey(ctx context.Context, all []node) *surveyed {
	s := &surveyed{info: map[string]info{}}
	for _, n := range all {
		s.info[n.addr] = readInfo(ctx, n)
		s.clocks = append(s.clocks, readClock(ctx, n))
	}
	return s
}

func readClock(ctx context.Context, n node) clock {
	c := clock{addr: n.addr}
	for range clockTries {
		asked := time.Now()
		there, err := n.Time(ctx).Result()
		if err != nil {
			c.err = err
			return c
		}
		if trip := time.Since(asked); c.trip == 0 || trip < c.trip {
			c.trip, c.ahead = trip, there.Sub(asked.Add(trip/2))
		}
	}
	return c
}

// answers says how quickly it answers.
func (s *surveyed) answers(r config.Redis) finding {
	f := finding{Level: fine, Says: r.String()}
	if len(s.clocks) > 1 {
		f.Says += fmt.Sprintf(", %d primaries", len(s.clocks))
	}
	trip := time.Duration(0)
	for _, c := range s.clocks {
		trip = max(trip, c.trip)
	}
	f.Says += fmt.Sprintf(", in %.2f ms", float64(trip)/float64(time.Millisecond))
	switch {
	case r.Topology != config.Cluster && s.info[""]["cluster_enabled"] == "1":
		f.Level, f.Do = failed, "write redis+cluster:// or rediss+cluster://"
		f.Says += ": this is a server of a Redis Cluster"
	case trip > slowRedis:
		f.Level, f.Do = warned, "run the workers nearer to it"
		f.Says += ": with two round trips a token of the bucket, good for 250 ms, is over before the call"
	}
	return f
}

// clock says how far the clocks are apart. rekey decides by Redis's; the queue
// goes by the workers'. On a Cluster a token is taken on one server's clock, and
// its call marked on another's.
func (s *surveyed) clock(deadline time.Duration) finding {
	for _, c := range s.clocks {
		if c.err != nil {
			return finding{Level: warned, Says: "cannot tell (" + c.err.Error() + ")", Do: "wanted: clocks that are set by NTP"}
		}
	}
	byTime := func(a, b clock) int { return cmp.Compare(a.ahead, b.ahead) }
	first, last := slices.MinFunc(s.clocks, byTime), slices.MaxFunc(s.clocks, byTime)
	apart := last.ahead - first.ahead
	if apart > clockApart {
		f := finding{Level: warned, Says: fmt.Sprintf("%s is %s ahead of %s", last.addr, seconds(apart), first.addr), Do: "set the clocks of the servers by NTP"}
		if apart > deadline {
			f.Level = failed
			f.Says += ": a token of one is over by the other, and nothing is sent"
		}
		return f
	}
	return against(slices.MaxFunc(s.clocks, func(a, b clock) int { return cmp.Compare(a.ahead.Abs(), b.ahead.Abs()) }).ahead)
}

// against is the difference to this machine's clock.
func against(ahead time.Duration) finding {
	f := finding{Level: fine, Says: "Redis's is " + aheadOf(ahead)}
	if ahead.Abs() > clockApart {
		f.Level, f.Do = warned, "set both clocks by NTP"
		f.Says += ": rekey decides by Redis's clock, but its queue goes by the workers', so rows come late, or come twice and are turned away"
	}
	return f
}

func aheadOf(d time.Duration) string {
	switch {
	case d.Abs() < clockUnsaid:
		return "the same as this machine's"
	case d < 0:
		return seconds(-d) + " behind this machine's"
	}
	return seconds(d) + " ahead of this machine's"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func deadline(p config.Pool) time.Duration { return reset.Hour(p.Hour).Deadline() }
