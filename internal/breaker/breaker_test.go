package breaker

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trips collects what OnTrip is told.
type trips struct {
	mu  sync.Mutex
	all []Trip
}

func (t *trips) add(x Trip) { t.mu.Lock(); t.all = append(t.all, x); t.mu.Unlock() }

func newBreaker() (*Breaker, *trips) {
	var seen trips
	return New("prod", Options{OnTrip: seen.add}), &seen
}

// answer makes calls that end with these outcomes.
func answer(t *testing.T, b *Breaker, outcomes ...reset.Outcome) {
	t.Helper()
	for _, o := range outcomes {
		p, err := b.Allow()
		if err != nil {
			t.Fatalf("before %v: %v", o, err)
		}
		p.Done(o)
	}
}

func times(n int, o reset.Outcome) []reset.Outcome {
	all := make([]reset.Outcome, n)
	for i := range all {
		all[i] = o
	}
	return all
}

func trip(t *testing.T, b *Breaker) { t.Helper(); answer(t, b, times(10, reset.Unanswered)...) }

func wantOpen(t *testing.T, b *Breaker, want bool) {
	t.Helper()
	if b.Open() != want {
		t.Fatalf("open: %v, want %v", !want, want)
	}
}

func TestOutcomesCountAsTheTableSays(t *testing.T) {
	table := map[reset.Outcome]verdict{
		reset.Accepted: success, reset.Refused: success, reset.Undeliverable: success, reset.UserLimited: success,
		reset.Throttled: excluded, reset.QuotaSpent: excluded, reset.NotSent: excluded,
		reset.Unavailable: failure, reset.Unanswered: failure, reset.Misconfigured: failure,
	}
	for _, o := range reset.Outcomes() {
		want, ok := table[o]
		if !ok {
			t.Errorf("%v is not in the table", o)
		}
		opened, counts := afterTen(t, o)
		if opened != (want == failure) || counts != (want != excluded) {
			t.Errorf("%v: opened %v, counted %v; want it to be %v", o, opened, counts, want)
		}
	}
	if verdictOf(0) != failure {
		t.Error("a forgotten outcome passes for a good one")
	}
}

// afterTen reports whether ten such answers open a breaker, and whether they count.
func afterTen(t *testing.T, o reset.Outcome) (opened, counted bool) {
	b, _ := newBreaker()
	answer(t, b, times(10, o)...)
	opened = b.Open()
	c := b.cb.Counts()
	return opened, opened || c.TotalSuccesses == 10
}

func TestOpensAtTenCallsAndHalfOfThemFailed(t *testing.T) {
	for name, row := range map[string]struct {
		good, excluded, bad int
		open                bool
	}{
		"nine are too few":              {0, 0, 9, false},
		"ten of ten":                    {0, 0, 10, true},
		"half":                          {5, 0, 5, true},
		"less than half":                {6, 0, 5, false},
		"excluded ones are no calls":    {0, 30, 9, false},
		"excluded ones are no good one": {5, 30, 5, true},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newBreaker()
			answer(t, b, times(row.good, reset.Accepted)...)
			answer(t, b, times(row.excluded, reset.Throttled)...)
			answer(t, b, times(row.bad, reset.Unanswered)...)
			wantOpen(t, b, row.open)
		})
	}
}

func TestFailuresAreForgottenAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		answer(t, b, times(9, reset.Unanswered)...)
		time.Sleep(10 * time.Second)
		answer(t, b, times(9, reset.Unanswered)...)
		wantOpen(t, b, false)
		time.Sleep(8 * time.Second)
		answer(t, b, reset.Unanswered)
		wantOpen(t, b, true)
	})
}

// Each call hangs for its whole deadline, which is as long as the window: by
// gobreaker's own reckoning none of them would count.
func TestAPoolThatHangsTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		var calls sync.WaitGroup
		for range 10 {
			p, err := b.Allow()
			if err != nil {
				t.Fatal(err)
			}
			calls.Go(func() { time.Sleep(10 * time.Second); p.Done(reset.Unanswered) })
		}
		calls.Wait()
		wantOpen(t, b, true)
	})
}

func TestCoolDownDoublesToFiveMinutesAndStartsOverOnceClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, seen := newBreaker()
		trip(t, b)
		for _, want := range []time.Duration{15, 30, 60, 120, 240, 300, 300} {
			coolDownIs(t, b, want*time.Second)
			answer(t, b, reset.Unanswered) // the first probe fails: open again
		}
		coolDownIs(t, b, 300*time.Second)
		answer(t, b, times(3, reset.Accepted)...)
		wantOpen(t, b, false)
		trip(t, b)
		coolDownIs(t, b, 15*time.Second)
		if n := len(seen.all); n != 9 {
			t.Errorf("%d trips were announced, want 9: %v", n, seen.all)
		}
	})
}

// coolDownIs checks that Wait lasts that long, and no call passes before.
func coolDownIs(t *testing.T, b *Breaker, want time.Duration) {
	t.Helper()
	if _, err := b.Allow(); !errors.Is(err, ErrOpen) {
		t.Fatalf("a call during the cool-down: %v", err)
	}
	began := time.Now()
	if err := b.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d != want {
		t.Errorf("waited %v, want %v", d, want)
	}
}

func TestThreeProbesDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		trip(t, b)
		_ = b.Wait(t.Context())
		held := allow(t, b, 3)
		if _, err := b.Allow(); !errors.Is(err, ErrProbing) {
			t.Fatalf("a fourth probe: %v", err)
		}
		held[0].Done(reset.Accepted)
		held[1].Done(reset.Refused) // this user's refusal: the pool answers
		wantOpen(t, b, true)
		held[2].Done(reset.Accepted)
		wantOpen(t, b, false)
	})
}

func allow(t *testing.T, b *Breaker, n int) []Permit {
	t.Helper()
	all := make([]Permit, n)
	for i := range all {
		p, err := b.Allow()
		if err != nil {
			t.Fatalf("permit %d of %d: %v", i+1, n, err)
		}
		all[i] = p
	}
	return all
}

func TestAnUnusedProbeFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		trip(t, b)
		_ = b.Wait(t.Context())
		held := allow(t, b, 3)
		waited := make(chan time.Time, 1)
		go func() { _ = b.Wait(t.Context()); waited <- time.Now() }()
		time.Sleep(time.Hour) // far longer than any window: the place is held, and then free all the same
		freed := time.Now()
		held[1].Unused()
		if at := <-waited; !at.Equal(freed) {
			t.Errorf("the waiter went on at %v, the place was free at %v", at, freed)
		}
		answer(t, b, reset.Throttled, reset.NotSent, reset.QuotaSpent) // excluded: each leaves its place
		held = append(held[:1], held[2], allow(t, b, 1)[0])
		for _, p := range held {
			p.Done(reset.Accepted)
		}
		wantOpen(t, b, false)
	})
}

// A probe's answer may take as long as the window, like any other call's.
func TestASlowProbeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBreaker()
		trip(t, b)
		_ = b.Wait(t.Context())
		held := allow(t, b, 3)
		time.Sleep(time.Minute)
		for _, p := range held {
			p.Done(reset.Accepted)
		}
		wantOpen(t, b, false)
	})
}
