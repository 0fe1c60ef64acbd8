// Package campaigntest makes campaigns for tests, as an operator would.
//
// It promises that what it makes is running, and that every look at a campaign
// holds its counters against its total. Its weak spot is that it loads from
// memory: files are internal/roster's to test.
package campaigntest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/roster"
)

// User is the name of the twin's n-th user, counted from 0.
func User(n int) string { return fmt.Sprintf("user%06d", n) }

// Users names the twin's users [from, to).
func Users(from, to int) []string {
	var all []string
	for n := from; n < to; n++ {
		all = append(all, User(n))
	}
	return all
}

// Load makes a draft, with its guard off: a test that is about one says so.
func Load(t testing.TB, s *campaign.Store, id string, names []string, change ...func(*campaign.Spec)) {
	t.Helper()
	spec := campaign.Spec{ID: id, Guard: campaign.GuardOff()}
	for _, c := range change {
		c(&spec)
	}
	reader, err := roster.NewReader(strings.NewReader("username\n"+strings.Join(names, "\n")+"\n"), roster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), spec, reader); err != nil {
		t.Fatal(err)
	}
}

// Run loads a campaign and starts it.
func Run(t testing.TB, s *campaign.Store, id string, names []string, change ...func(*campaign.Spec)) {
	t.Helper()
	Load(t, s, id, names, change...)
	if err := s.Start(t.Context(), id, int64(len(names))); err != nil {
		t.Fatal(err)
	}
}

// Look returns a campaign. Its counters add up at every look.
func Look(t testing.TB, s *campaign.Store, id string) campaign.Campaign {
	t.Helper()
	c, err := s.Campaign(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if sum := c.Counts.Sum(); sum != c.Total {
		t.Errorf("%s: the counters add up to %d of %d: %+v", id, sum, c.Total, c.Counts)
	}
	return c
}
