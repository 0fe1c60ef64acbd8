package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

const (
	redrawEvery = 200 * time.Millisecond
	lineEvery   = 3 * time.Second
	// eventIndent is where an event's words begin, behind the time.
	eventIndent = 8
	barWidth    = 32
)

// watch shows how the campaign goes until it is over.
func (s *stage) watch(ctx context.Context, p *cli.Program) (campaign.Campaign, error) {
	v := view{screen: p.Screen(), began: time.Now()}
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		c, err := s.store.Campaign(ctx, demoID)
		if err != nil {
			return c, err
		}
		if err := s.failed(); err != nil {
			return c, err
		}
		bucket, err := ratelimit.Peek(ctx, s.rdb, "demo")
		if err != nil {
			return c, err
		}
		if err := v.show(c, bucket); err != nil || over(c) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-tick.C:
		}
	}
}

// view says what is notable, and shows what is going on: on a terminal in a few
// lines that are drawn over and over, else in a line now and then.
type view struct {
	screen *cli.Screen
	began  time.Time
	last   time.Time
	events events
}

func (v *view) show(c campaign.Campaign, b ratelimit.State) error {
	took := cli.Span(time.Since(v.began))
	var said []string
	for _, e := range v.events.since(c, b) {
		said = append(said, fmt.Sprintf("%6s  %s", took, e))
	}
	if v.screen.Draws() {
		return v.screen.Show(eventIndent, said, append([]string{""}, panel(c, b, took)...)...)
	}
	if over(c) || time.Since(v.last) >= lineEvery {
		v.last = time.Now()
		said = append(said, fmt.Sprintf("%6s  %s; %s", took, counts(c), now(c, b)))
	}
	return v.screen.Show(eventIndent, said)
}

// panel is what is drawn: how far it is, what happens now, and the counts.
func panel(c campaign.Campaign, b ratelimit.State, took string) []string {
	n := c.Counts
	return []string{
		fmt.Sprintf("%s  %s of %s  %s  %s", cli.Bar(n.Final(), c.Total, barWidth), cli.Count(n.Final()), cli.Count(c.Total),
			cli.Percent(n.Final(), c.Total), took),
		now(c, b),
		fmt.Sprintf("accepted %s   dead letters %s   not called yet %s", cli.Count(n.Accepted), cli.Count(n.Dead), cli.Count(n.Planned)),
		fmt.Sprintf("in flight %s   waiting %s   in doubt %s", cli.Count(n.Calling), cli.Count(n.Waiting), cli.Count(n.InDoubt+n.Parked)),
	}
}

func counts(c campaign.Campaign) string {
	n := c.Counts
	return fmt.Sprintf("accepted %s, dead %s, waiting %s, in doubt %s, calling %s, planned %s", cli.Count(n.Accepted),
		cli.Count(n.Dead), cli.Count(n.Waiting), cli.Count(n.InDoubt+n.Parked), cli.Count(n.Calling), cli.Count(n.Planned))
}

// now says what the worker does at this moment, and why no more.
func now(c campaign.Campaign, b ratelimit.State) string {
	if over(c) {
		return string(c.State)
	}
	if block, ok := b.Blocked("demo"); ok {
		return fmt.Sprintf("nothing is sent for %s: %s", cli.Span(max(block.Until.Sub(b.Now), 0)), why(block))
	}
	if n := c.Counts; n.Planned+n.Calling == 0 {
		return "nothing to send: what is left waits for its time"
	}
	text := fmt.Sprintf("allowed %s, measured over the last minute %s", cli.Rate(b.AllowedTo("demo")), cli.Rate(b.Measured))
	if by := b.Limiter("demo"); by != ratelimit.LimitedByQuota {
		text += "; limited by: " + string(by)
	}
	return text
}

// why leaves out which worker's breaker it is: there is one.
func why(b ratelimit.Block) string {
	if strings.HasPrefix(b.Why, "the circuit breaker") {
		return "the circuit breaker is open"
	}
	return b.Why
}
