package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// A worker dies in the middle of its calls. The other goes on at once; what the
// dead one had in hand is in doubt, and is called again after the code's life.
func TestKilledWorkersCallsAreInDoubtAndNobodyHoldsTwoLiveCodes(t *testing.T) {
	t.Parallel()
	const users, rate = 300, 30
	server := redistest.Real(t)
	twin := simtest.Start(t, cognitosim.Options{
		Users: cognitosim.Users{N: users}, Quota: 2 * rate, Burst: rate, Hour: 10 * time.Second, Latency: 300 * time.Millisecond,
	})
	store := running(t, redistest.Client(t, server), users)
	path := configFile(t, fmt.Sprintf("redis: %s\nlisten: \"\"\npools: {prod: {region: eu-west-1, client_id: %s, endpoint: %q, hour: 10s, quota: q}}\n"+
		"quotas: {q: {limit: %d, share: 1, echo: 0}}\n", server.URL(), cognitosim.DefaultClientID, twin.URL(), rate))
	first, second := start(t, "--config", path), start(t, "--config", path)
	counts := func() campaign.Counts {
		c, err := store.Campaign(t.Context(), "breach")
		if err != nil {
			t.Fatal(err)
		}
		if c.Counts.Sum() != users {
			t.Errorf("the counters add up to %d of %d", c.Counts.Sum(), users)
		}
		return c.Counts
	}
	until(t, "both are at work", 30*time.Second, func() bool { return counts().Accepted > 60 && counts().Calling > 4 })
	first.Kill()
	killed, calls := time.Now(), twin.Calls()
	until(t, "three seconds pass", 10*time.Second, func() bool { return time.Since(killed) > 3*time.Second })
	if n := twin.Calls() - calls; n < 3*rate*7/10 {
		t.Errorf("%d calls in the three seconds after, at %d a second", n, rate)
	}
	until(t, "its calls are in doubt", 20*time.Second, func() bool { return counts().InDoubt > 0 })
	until(t, "every row is accepted", 100*time.Second, func() bool { return counts().Accepted == users })
	t.Logf("every row was accepted %v after the kill", time.Since(killed).Round(time.Second))
	if d := twin.Doubles(); len(d) > 0 {
		t.Errorf("%d users held two live codes: %+v", len(d), d[0])
	}
	second.terminate(t, 0)
}

// running makes a campaign of the twin's users and starts it.
func running(t *testing.T, rdb redis.UniversalClient, users int) *campaign.Store {
	t.Helper()
	store, err := campaign.Open(t.Context(), rdb, campaign.Pool{Name: "prod", Hour: reset.MinHour, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := (cognitosim.Users{N: users}).WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	r, err := roster.NewReader(strings.NewReader(b.String()), roster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), campaign.Spec{ID: "breach"}, r); err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), "breach", int64(users)); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestASecondSIGTERMEndsAtOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Real(t)
	twin := simtest.Start(t, cognitosim.Options{Users: cognitosim.Users{N: 5}})
	store := running(t, redistest.Client(t, server), 5)
	// Cognito's own hour: a call may take ten seconds, and these take them.
	path := configFile(t, fmt.Sprintf("redis: %s\nlisten: \"\"\npools: {prod: {region: eu-west-1, client_id: %s, endpoint: %q}}\n",
		server.URL(), cognitosim.DefaultClientID, twin.URL()))
	twin.Pause()
	p := start(t, "--config", path)
	until(t, "calls are in flight", 20*time.Second, func() bool {
		c, err := store.Campaign(t.Context(), "breach")
		return err == nil && c.Counts.Calling > 0
	})
	for range 2 {
		p.Signal(syscall.SIGTERM)
		until(t, "the signal has been taken", 5*time.Second, func() bool {
			select {
			case <-p.Ended():
				return true
			default:
				return strings.Contains(p.Said(), "draining")
			}
		})
	}
	select {
	case <-p.Ended():
	case <-time.After(3 * time.Second):
		t.Error("it goes on")
	}
}
