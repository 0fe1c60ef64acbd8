package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// books are what ledger and journal say together.
type books struct {
	calls, sent, doubles int
	// unheard: accepted rows without an accepted call. unsaid: users who got a
	// message though their row says that none was sent.
	unheard, unsaid int
}

// causeIndent is where the causes of a line of the account begin.
const causeIndent = 24

// account prints what became of every row and compares it with the twin's
// journal. Its error says what does not add up.
func (s *stage) account(ctx context.Context, p *cli.Program, c campaign.Campaign) error {
	b, err := s.compare(ctx, c)
	if err != nil {
		return err
	}
	if err := p.Screen().Show(causeIndent, append([]string{""}, strings.Split(accounting(c, b), "\n")...)); err != nil {
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
