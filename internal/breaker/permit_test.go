package breaker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestAPermitCountsOnce(t *testing.T) {
	b, _ := newBreaker()
	p := allow(t, b, 1)[0]
	for range 20 {
		p.Done(reset.Unanswered)
		p.Unused()
	}
	if c := b.cb.Counts(); c.TotalFailures != 1 || c.TotalExclusions != 0 {
		t.Errorf("counted %+v", c)
	}
}

func TestAnswersOfAnEarlierEraSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBreaker()
		early := allow(t, b, 20)
		trip(t, b)
		if !early[0].Stale() {
			t.Error("a permit from before the trip still holds")
		}
		early[0].Done(reset.Unanswered)
		_ = b.Wait(t.Context())
		held := allow(t, b, 1)
		for _, p := range early[1:] {
			p.Done(reset.Unanswered)
		}
		if len(seen.all) != 1 || held[0].Stale() {
			t.Errorf("answers from before the trip opened the breaker again: %v", seen.all)
		}
		held[0].Done(reset.Accepted)
		answer(t, b, times(2, reset.Accepted)...)
		wantOpen(t, b, false)
		early[0].Unused()
		if c := b.cb.Counts(); c != (gobreaker.Counts{}) {
			t.Errorf("the closed breaker begins with %+v", c)
		}
	})
}

func TestATripIsLocalIfAllItsFailuresWereUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, row := range map[string]struct {
			first reset.Outcome
			after time.Duration
			then  int
			local bool
		}{
			"all of them":                      {reset.Unavailable, 0, 9, true},
			"a timeout among them":             {reset.Unanswered, 0, 9, false},
			"a misconfiguration":               {reset.Misconfigured, 9 * time.Second, 9, false},
			"a good answer is no failure":      {reset.Refused, 0, 9, true},
			"the timeout is out of the window": {reset.Unanswered, 10 * time.Second, 10, true},
		} {
			b, seen := newBreaker()
			answer(t, b, row.first)
			time.Sleep(row.after)
			answer(t, b, times(row.then, reset.Unavailable)...)
			if len(seen.all) != 1 || seen.all[0].Local != row.local {
				t.Errorf("%s: %+v, want one trip, local %v", name, seen.all, row.local)
			}
		}
	})
}

func TestAProbesFailureAloneSaysWhetherTheSecondTripIsLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBreaker()
		trip(t, b)
		_ = b.Wait(t.Context())
		answer(t, b, reset.Unavailable)
		_ = b.Wait(t.Context())
		answer(t, b, reset.Misconfigured)
		want := []Trip{{15 * time.Second, false}, {30 * time.Second, true}, {60 * time.Second, false}}
		for i, w := range want {
			if seen.all[i] != w {
				t.Errorf("trip %d: %+v, want %+v", i, seen.all[i], w)
			}
		}
	})
}

func TestOnTripMayUseTheBreakerAndTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *Breaker
		b = New("prod", Options{OnTrip: func(Trip) { wantOpen(t, b, true); time.Sleep(time.Minute) }})
		held := allow(t, b, 10)
		var calls sync.WaitGroup
		for _, p := range held {
			calls.Go(func() { p.Done(reset.Unanswered) })
		}
		synctest.Wait()
		began := time.Now()
		if err := b.Wait(t.Context()); err != nil || time.Since(began) != 15*time.Second {
			t.Errorf("others waited %v (%v) while one reports the trip", time.Since(began), err)
		}
		calls.Wait()
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		trip(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cool-down: %v", err)
		}
		_ = b.Wait(t.Context())
		defer func(held []Permit) { held[0].Unused() }(allow(t, b, 3))
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("probing: %v", err)
		}
	})
}

// Sixty-four handlers wait, probe and call at once, some of them fail: the
// breaker neither lets more than three probe nor holds anybody for ever.
func TestManyHandlersGetThroughOnceThePoolIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		back := time.Now().Add(2 * time.Minute)
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { handle(t, b, back) })
		}
		all.Wait()
		wantOpen(t, b, false)
		if d := time.Since(back); d > 2*time.Minute {
			t.Errorf("it took %v after the pool was back", d)
		}
	})
}

func handle(t *testing.T, b *Breaker, back time.Time) {
	for {
		if err := b.Wait(t.Context()); err != nil {
			t.Error(err)
			return
		}
		p, err := b.Allow()
		if err != nil {
			continue
		}
		time.Sleep(100 * time.Millisecond)
		if time.Now().After(back) {
			p.Done(reset.Accepted)
			return
		}
		p.Done(reset.Unanswered)
	}
}

func TestTheLogSaysForHowLongAndWhoseFaultInWords(t *testing.T) {
	for o, fault := range map[reset.Outcome]string{reset.Unavailable: "connection", reset.Unanswered: "Cognito"} {
		var log bytes.Buffer
		b := New("prod", Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
		answer(t, b, times(10, o)...)
		if want := `"for":"15s","fault":"` + fault + `"`; !strings.Contains(log.String(), want) {
			t.Errorf("%v: not %s: %s", o, want, log.String())
		}
	}
}
