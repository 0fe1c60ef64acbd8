package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

const (
	redrawEvery = 200 * time.Millisecond
	lineEvery   = 3 * time.Second
)

// watch shows how the campaign goes until it is over.
func (s *stage) watch(ctx context.Context, p *cli.Program) (campaign.Campaign, error) {
	v := view{p: p, terminal: cli.Terminal(p.Stdout), began: time.Now()}
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

// view draws: a few lines over and over on a terminal, else a line now and then.
type view struct {
	p        *cli.Program
	terminal bool
	began    time.Time
	last     time.Time
	drawn    int // lines to go up before drawing again
}

func (v *view) show(c campaign.Campaign, b ratelimit.State) error {
	if !v.terminal && !over(c) && time.Since(v.last) < lineEvery {
		return nil
	}
	v.last = time.Now()
	n := c.Counts
	took := cli.Span(time.Since(v.began))
	counts := fmt.Sprintf("accepted %s  dead %s  waiting %s  in doubt %s  calling %s  planned %s", cli.Count(n.Accepted),
		cli.Count(n.Dead), cli.Count(n.Waiting), cli.Count(n.InDoubt+n.Parked), cli.Count(n.Calling), cli.Count(n.Planned))
	if !v.terminal {
		return say(v.p.Stdout, "%6s  %s  %s\n", took, counts, cli.Rate(b.Measured))
	}
	const width = 40
	full := int(n.Final() * width / max(c.Total, 1))
	up := ""
	if v.drawn > 0 {
		up = fmt.Sprintf("\x1b[%dA", v.drawn)
	}
	v.drawn = 3
	return say(v.p.Stdout, "%s\r\x1b[K[%s%s] %s of %s, %s\n\r\x1b[K%s\n\r\x1b[Kallowed %s, measured %s, limited by: %s\n", up,
		strings.Repeat("#", full), strings.Repeat(".", width-full), cli.Count(n.Final()), cli.Count(c.Total), took,
		counts, cli.Rate(b.AllowedTo("demo")), cli.Rate(b.Measured), b.LimitedBy("demo"))
}

// books are what ledger and journal say together.
type books struct {
	calls, sent, doubles int
	// unheard: accepted rows without an accepted call. unsaid: users who got a
	// message though their row says that none was sent.
	unheard, unsaid int
}

// account prints what became of every row and compares it with the twin's
// journal. Its error says what does not add up.
func (s *stage) account(ctx context.Context, p *cli.Program, c campaign.Campaign) error {
	b, err := s.compare(ctx, c)
	if err != nil {
		return err
	}
	if err := say(p.Stdout, "\n%s\n", accounting(c, b)); err != nil {
		return err
	}
	switch {
	case c.State != campaign.Done:
		return fmt.Errorf("the campaign is %s: %s. Next: %s", c.State, c.Reason, c.Next)
	case c.Counts.Sum() != c.Total || c.Counts.Final() != c.Total:
		return errors.New("not every row is accounted for; please report this with the seed")
	case b.doubles+b.unheard+b.unsaid > 0:
		return errors.New("ledger and journal disagree; please report this with the seed")
	}
	return nil
}

func accounting(c campaign.Campaign, b books) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s rows, %s of them final\n", c.State, cli.Count(c.Total), cli.Count(c.Counts.Final()))
	for _, state := range []campaign.State{campaign.Accepted, campaign.Dead, campaign.Parked, campaign.Skipped, campaign.Planned, campaign.Waiting, campaign.InDoubt} {
		name, n := state.String(), c.Counts.Of(state)
		if state == campaign.Parked {
			name = "parked"
		}
		if n > 0 || state <= campaign.Dead && state >= campaign.Accepted {
			fmt.Fprintf(&out, "  %-10s %8s   %s\n", name, cli.Count(n), causes(c.Causes[state]))
		}
	}
	fmt.Fprintf(&out, "The twin's journal against the ledger:\n")
	for _, line := range []struct {
		what string
		n    int
	}{
		{"calls", b.calls},
		{"messages sent (doubts may be sent twice, one code after the other)", b.sent},
		{"rows accepted", int(c.Counts.Accepted)},
		{"users with two live codes at once", b.doubles},
		{"rows accepted without an accepted call", b.unheard},
		{"messages to users whose row says that none was sent", b.unsaid},
	} {
		fmt.Fprintf(&out, "  %8s   %s\n", cli.Count(line.n), line.what)
	}
	return strings.TrimRight(out.String(), "\n")
}

func causes(of map[reset.Cause]int64) string {
	var all []string
	for _, c := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%s %s", c, cli.Count(of[c])))
	}
	return strings.Join(all, ", ")
}

// compare goes through the report, row by row.
func (s *stage) compare(ctx context.Context, c campaign.Campaign) (books, error) {
	journal := s.twin.Journal()
	b := books{calls: len(journal), doubles: len(s.twin.Doubles())}
	ok, sent := map[string]bool{}, map[string]bool{}
	for _, e := range journal {
		name := roster.Fold(e.Username, false)
		if e.Sent {
			b.sent++
			sent[name] = true
		}
		if e.Answer == cognitosim.OK {
			ok[name] = true
		}
	}
	for line, err := range s.store.Rows(ctx, c, campaign.Filter{}) {
		if err != nil {
			return b, err
		}
		name := roster.Fold(line.Username.Reveal(), false)
		// A row with attempts has been in doubt: then a message proves nothing.
		silent := (line.State == campaign.Dead || line.State == campaign.Skipped) && line.Attempts == 0
		switch {
		case line.State == campaign.Accepted && !ok[name]:
			b.unheard++
		case silent && sent[name]:
			b.unsaid++
		}
	}
	return b, nil
}
