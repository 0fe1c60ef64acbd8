package cognitosim_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestAUserHasSoManyAttemptsAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(cognitosim.Options{Quota: -1, Users: cognitosim.Users{N: 10}})
		for i := range 4 {
			if a := forgot(t, s, "user000001"); a.code() != "OK" {
				t.Fatalf("attempt %d: %s", i, a.raw)
			}
			time.Sleep(time.Minute)
		}
		if a := confirm(t, s, "user000001", "x"); a.code() != "CodeMismatchException" {
			t.Fatalf("the fifth, which is a confirm: %s", a.raw)
		}
		for range 3 { // refused attempts do not put the end off
			if a := forgot(t, s, "user000001"); a.message() != "Attempt limit exceeded, please try after some time." {
				t.Fatalf("the sixth: %s", a.raw)
			}
		}
		if a := forgot(t, s, "user000002"); a.code() != "OK" {
			t.Errorf("another user: %s", a.raw)
		}
		time.Sleep(56*time.Minute - time.Nanosecond)
		if a := forgot(t, s, "user000001"); a.code() != "LimitExceededException" {
			t.Errorf("just before the hour is over: %s", a.raw)
		}
		time.Sleep(time.Nanosecond)
		if a := forgot(t, s, "user000001"); a.code() != "OK" {
			t.Errorf("after an hour: %s", a.raw)
		}
	})
}

// rate makes n calls a second for ten seconds and returns how many passed.
func rate(t *testing.T, s *cognitosim.Sim, n int) (passed int) {
	t.Helper()
	for i := range 10 * n {
		switch a := forgot(t, s, fmt.Sprintf("user%06d", i)); a.code() {
		case "OK":
			passed++
		case "TooManyRequestsException":
			if a.status != 400 || a.message() != "Rate exceeded" {
				t.Fatalf("throttled with %d %s", a.status, a.raw)
			}
		default:
			t.Fatal(a.raw)
		}
		time.Sleep(time.Second / time.Duration(n))
	}
	return passed
}

func TestTheAccountHasThirtyCallsASecond(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why         string
		quota       float64
		others      float64
		calls       int
		least, most int
	}{
		{"the default, asked for twice as much", 0, 0, 60, 299, 303},
		{"within the quota nothing is throttled", 0, 0, 25, 250, 250},
		{"another quota", 100, 0, 200, 999, 1011},
		{"others take two thirds of it", 30, 20, 25, 90, 230},
		{"others alone take more than all", 30, 300, 25, 5, 80},
		{"no quota", -1, 0, 100, 1000, 1000},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := cognitosim.New(cognitosim.Options{Quota: c.quota, Others: cognitosim.Steadily(c.others), Users: cognitosim.Users{N: 2000}})
			if n := rate(t, s, c.calls); n < c.least || n > c.most {
				t.Errorf("%s: %d of %d calls passed in ten seconds, want %d to %d", c.why, n, 10*c.calls, c.least, c.most)
			}
		})
	}
}

func TestABurstIsSmall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for burst, want := range map[int]int{0: 3, 7: 7} {
			s := cognitosim.New(cognitosim.Options{Burst: burst, Users: cognitosim.Users{N: 100}})
			time.Sleep(time.Hour) // what was not used is not saved up
			passed := 0
			for i := range 20 {
				if forgot(t, s, fmt.Sprintf("user%06d", i)).code() == "OK" {
					passed++
				}
			}
			if passed != want {
				t.Errorf("burst %d: %d calls passed at once, want %d", burst, passed, want)
			}
		}
	})
}

func TestConfirmIsOnTheSameQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(cognitosim.Options{Burst: 2, Users: cognitosim.Users{N: 100}})
		forgot(t, s, "user000001")
		confirm(t, s, "user000002", "x")
		if a := forgot(t, s, "user000003"); a.code() != "TooManyRequestsException" {
			t.Errorf("the third call of a burst of two: %s", a.raw)
		}
	})
}

func TestTheDailyEmailLimitReturnsAtNine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why   string
		hour  time.Duration
		until time.Duration // from midnight, when a bubble begins
	}{
		{"09:00 UTC", time.Hour, 9 * time.Hour},
		{"a short hour later", 10 * time.Second, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := cognitosim.New(fast(cognitosim.Options{DailyEmail: 2, Hour: c.hour, Users: cognitosim.Users{
				N: 10, List: []cognitosim.User{{Username: "sms", Medium: cognitosim.SMS}}}}))
			for i, want := range []string{"OK", "OK", "LimitExceededException"} {
				if a := forgot(t, s, fmt.Sprintf("user%06d", i)); a.code() != want {
					t.Fatalf("%s: mail %d: %s", c.why, i, a.raw)
				}
			}
			if a := forgot(t, s, "sms"); a.code() != "OK" {
				t.Errorf("%s: a text message is no e-mail: %s", c.why, a.raw)
			}
			time.Sleep(c.until - time.Nanosecond)
			if a := forgot(t, s, "user000003"); a.code() != "LimitExceededException" {
				t.Errorf("%s: just before: %s", c.why, a.raw)
			}
			time.Sleep(time.Nanosecond)
			if a := forgot(t, s, "user000003"); a.code() != "OK" {
				t.Errorf("%s: then: %s", c.why, a.raw)
			}
		})
	}
}

func TestAnAnswerTakesItsTimeButTheMessageLeavesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(fast(cognitosim.Options{Latency: time.Second}))
		var least, most = time.Hour, time.Duration(0)
		for i := range 200 {
			begun, answered := time.Now(), make(chan struct{})
			name := fmt.Sprintf("user%06d", i)
			go func() {
				defer close(answered)
				forgot(t, s, name)
			}()
			synctest.Wait()
			if len(s.Codes(name)) != 1 || len(s.Journal()) != i+1 {
				t.Fatal("the message or its line waited for the answer")
			}
			<-answered
			least, most = min(least, time.Since(begun)), max(most, time.Since(begun))
		}
		if least < 500*time.Millisecond || least > 600*time.Millisecond || most < 1400*time.Millisecond || most > 1500*time.Millisecond {
			t.Errorf("answers took from %v to %v, want 0.5 to 1.5 s", least, most)
		}
	})
}

func TestPausedNothingIsSeenUntilResumed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(fast(cognitosim.Options{}))
		s.Pause()
		answered := make(chan string, 1)
		go func() { answered <- forgot(t, s, "user000001").code() }()
		time.Sleep(time.Hour)
		s.Pause()
		synctest.Wait()
		if n := s.Calls(); n != 0 {
			t.Fatalf("%d calls were seen while paused", n)
		}
		s.Resume()
		s.Resume()
		if got := <-answered; got != "OK" || s.Calls() != 1 {
			t.Errorf("after that: %s, %d calls", got, s.Calls())
		}
	})
}
