package main

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

func campaignOf(n campaign.Counts, causes map[campaign.State]map[reset.Cause]int64) campaign.Campaign {
	return campaign.Campaign{State: campaign.Running, Total: n.Sum(), Counts: n, Causes: causes}
}

func TestWhatIsNotableIsSaidOnceInWords(t *testing.T) {
	t.Parallel()
	trouble := campaignOf(campaign.Counts{Planned: 5, Accepted: 1, Dead: 1, InDoubt: 1}, map[campaign.State]map[reset.Cause]int64{
		campaign.Dead:    {reset.UserNotFound: 1},
		campaign.Waiting: {reset.TooManyRequests: 3},
	})
	var e events
	first := strings.Join(e.since(trouble, ratelimit.State{Throttled: true}), "\n")
	for _, want := range []string{"accepts the first", "no such user (UserNotFound)", "in doubt", "slow down"} {
		if strings.Count(first, want) != 1 {
			t.Errorf("it does not say %q once:\n%s", want, first)
		}
	}
	if again := e.since(trouble, ratelimit.State{Throttled: true}); len(again) > 0 {
		t.Errorf("it repeats %q", again)
	}
	back := e.since(campaignOf(campaign.Counts{Accepted: 1, Waiting: 1}, nil), ratelimit.State{Configured: 60})
	if want := []string{"The rate is back at 60.0/s.", "Every user has been asked for once. What is left waits for its time."}; !slices.Equal(back, want) {
		t.Errorf("it says %q", back)
	}
}

// A gust of throttles or a breaker that goes to and fro must not fill the screen.
func TestAnEventThatComesAgainAndAgainIsNotSaidEveryTime(t *testing.T) {
	t.Parallel()
	var e events
	said := 0
	blocked := ratelimit.State{Blocks: []ratelimit.Block{{Until: time.Unix(9, 0), Why: "the circuit breaker of worker w"}}}
	for range 20 {
		said += len(e.since(campaign.Campaign{Counts: campaign.Counts{Planned: 1}}, blocked))
		said += len(e.since(campaign.Campaign{Counts: campaign.Counts{Planned: 1}}, ratelimit.State{}))
	}
	if said != 2*mostTimes {
		t.Errorf("%d lines", said)
	}
}

func TestThePanelFitsInto80Columns(t *testing.T) {
	t.Parallel()
	c := campaignOf(campaign.Counts{Planned: 555_555, Calling: 64, Waiting: 111_111, Accepted: 222_222, Dead: 55_555, InDoubt: 22_222}, nil)
	for _, b := range []ratelimit.State{
		{Allowed: 4444.4, Measured: 4444.4, Throttled: true},
		{Blocks: []ratelimit.Block{{Why: "the circuit breaker of worker a-host-with-a-very-long-name.example.org-12345-abcd"}}},
	} {
		for _, l := range panel(c, b, "16 h 11 min") {
			if n := utf8.RuneCountInString(l); n > 79 {
				t.Errorf("%d columns: %s", n, l)
			}
		}
	}
}

// A path is as long as it is: /tmp's stands for it.
func TestWhatTheDemoSaysFitsInto80Columns(t *testing.T) {
	t.Parallel()
	s := &stage{
		o:   demoOptions{rate: 5000, faults: cli.OneOf("storm")},
		url: "http://127.0.0.1:65535", logPath: "/tmp/rekey-demo-1234567890/worker.log",
		configPath: "/tmp/rekey-demo-1234567890/rekey.yaml", someone: "user000001", redis: &embedredis.Server{},
	}
	for _, name := range []string{"worker", "rekey-worker"} {
		text := demoBanner + "\n" + s.opening(1_000_000) + "  Redis     " + about(false) + "\n" + s.advice(&cli.Program{Name: name})
		for l := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(l, "\n")); n > 79 {
				t.Errorf("%d columns: %s", n, l)
			}
		}
	}
}

// TestTheDemoAdvisesCommandsThatThereAre: of a checkout none is on PATH.
func TestTheDemoAdvisesCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	s := &stage{o: demoOptions{once: true}}
	for name, c := range map[string]struct{ has, lacks string }{
		"worker":       {"  bin/campaign start", "  campaign start"},
		"rekey-worker": {"  rekey-campaign start", "go build"},
	} {
		if text := s.advice(&cli.Program{Name: name}); !strings.Contains(text, c.has) || strings.Contains(text, c.lacks) {
			t.Errorf("as %s it says:%s", name, text)
		}
	}
}
