package main

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func running(id string, p campaign.Priority, planned int64) campaign.Campaign {
	return campaign.Campaign{ID: id, Pool: "prod", State: campaign.Running, Priority: p, Counts: campaign.Counts{Planned: planned}}
}

// around is a pool with two workers, at ten calls a second.
func around(change func(*surroundings)) surroundings {
	s := surroundings{workers: 2, bucket: ratelimit.State{Quota: "acme", Now: noon, Configured: 10, Allowed: 10, GaveUp: map[ratelimit.GiveUpReason]int{}}}
	if change != nil {
		change(&s)
	}
	return s
}

func TestWhatLimitsACampaignIsNamed(t *testing.T) {
	t.Parallel()
	hold := ratelimit.Block{Until: noon.Add(time.Hour), Why: "an operator"}
	for _, c := range []struct {
		want   string
		change func(*surroundings)
		due    time.Time
	}{
		{want: "quota acme"},
		{want: "no worker", change: func(s *surroundings) { s.workers = 0; s.bucket.Blocks = []ratelimit.Block{hold} }},
		{want: "hold until 2026-11-23T13:00:00Z (an operator)", change: func(s *surroundings) { s.bucket.Blocks = []ratelimit.Block{hold} }},
		{want: "hold until 2026-11-23T12:00:20Z (workers stand by: the quota's numbers were changed)", change: func(s *surroundings) { s.standby = noon.Add(20 * time.Second) }},
		{want: "pause of queue rekey-prod (asynq's own: unpause it with its tools)", change: func(s *surroundings) { s.queues = map[bool]string{false: "rekey-prod"} }},
		{want: "quota acme", change: func(s *surroundings) { s.queues = map[bool]string{true: "rekey-prod-urgent"} }},
		{want: "budget until 2026-11-23T13:00:00Z", change: func(s *surroundings) { s.bucket.BudgetBack = noon.Add(time.Hour) }},
		{want: "throttled", change: func(s *surroundings) { s.bucket.Throttled = true }},
		{want: "redis", change: func(s *surroundings) { s.bucket.Taken = 10; s.bucket.GaveUp[ratelimit.ByRedis] = 2 }},
		{want: "concurrency", change: func(s *surroundings) { s.others = []campaign.Campaign{{Counts: campaign.Counts{Calling: 128}}} }},
		{want: "waits until 2026-11-23T12:30:00Z", due: noon.Add(30 * time.Minute)},
		{want: "quota acme", due: noon.Add(-time.Second)},
	} {
		if got := limitedBy(running("a", campaign.Normal, 1), around(c.change), 64, c.due); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	paused := campaign.Campaign{State: campaign.Paused}
	if got := limitedBy(paused, around(nil), 64, time.Time{}); got != "" {
		t.Errorf("a paused campaign is limited by %q", got)
	}
}

func TestTheEndIsReckonedFromWhatIsAllowed(t *testing.T) {
	t.Parallel()
	a := running("a", campaign.Normal, 600)
	for _, c := range []struct {
		name   string
		want   time.Time
		change func(*surroundings)
		due    time.Time
	}{
		{name: "at the rate", want: noon.Add(time.Minute)},
		{name: "throttled", want: noon.Add(2 * time.Minute), change: func(s *surroundings) { s.bucket.Allowed = 5 }},
		{name: "after a hold", want: noon.Add(61 * time.Minute), change: func(s *surroundings) {
			s.bucket.Blocks, s.bucket.Allowed = []ratelimit.Block{{Pool: "prod", Until: noon.Add(time.Hour)}}, 0
		}},
		{name: "after the budget", want: noon.Add(61 * time.Minute), change: func(s *surroundings) {
			s.bucket.Daily, s.bucket.Used, s.bucket.Allowed = 1000, 1000, 0
			s.bucket.Returns = []ratelimit.Return{{At: noon.Add(time.Hour), Calls: 1000}}
		}},
		{name: "with the budget of two days", want: noon.Add(24*time.Hour + 5*time.Minute + 20*time.Second), change: func(s *surroundings) {
			s.bucket.Daily = 400
		}},
		{name: "after its time", want: noon.Add(11 * time.Minute), due: noon.Add(10 * time.Minute)},
		{name: "nobody knows without a worker", change: func(s *surroundings) { s.workers = 0 }},
	} {
		if got := endOf(a, around(c.change), c.due); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	done := campaign.Campaign{State: campaign.Done, Ended: noon}
	if got := endOf(done, around(nil), time.Time{}); !got.Equal(noon) {
		t.Errorf("a done campaign ends at %v", got)
	}
	if got := endOf(campaign.Campaign{State: campaign.Paused}, around(nil), time.Time{}); !got.IsZero() {
		t.Errorf("a paused campaign ends at %v", got)
	}
}
