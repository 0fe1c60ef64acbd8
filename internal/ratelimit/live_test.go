package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// shared is a quota of 30 a second, whose bucket holds a second of it, while
// two workers call as fast as they may beside live users.
type shared struct {
	sim   *cognitosim.Sim
	rate  float64
	began time.Time

	mu     sync.Mutex
	chance *rand.Rand
	passed map[int]float64 // rekey's calls that were not throttled, by seconds
}

// beside runs the workers for that long, and then looks.
func beside(t *testing.T, rate float64, others string, d time.Duration, look func(*shared)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o, err := cognitosim.ParseOthers(others)
		if err != nil {
			t.Fatal(err)
		}
		s := &shared{rate: rate, began: time.Now(), chance: rand.New(rand.NewPCG(1, 2)), passed: map[int]float64{}}
		s.sim = cognitosim.New(cognitosim.Options{Quota: 30, Burst: 30, Others: o, Latency: 100 * time.Millisecond,
			Users: cognitosim.Users{N: 1000}, PerUserHour: -1, Forget: true, Seed: 1})
		rdb, _ := redistest.Memory(t)
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		var all sync.WaitGroup
		for w := range 2 {
			b := New(rdb, Quota{Name: "q", Limit: rate, Share: 1, Burst: 2}, Options{Worker: fmt.Sprint(w)})
			for range 8 {
				all.Go(func() { s.calls(ctx, b) })
			}
		}
		all.Wait()
		look(s)
	})
}

func (s *shared) calls(ctx context.Context, b *Bucket) {
	for {
		tok, err := b.Wait(ctx, "p", false)
		if err != nil {
			return
		}
		time.Sleep(s.way())
		left := time.Since(s.began)
		if s.call() {
			s.mu.Lock()
			s.passed[int(left.Seconds())]++
			s.mu.Unlock()
		} else {
			_, _ = b.Throttled(ctx, tok) // its error is that the time is over
		}
	}
}

// way is how long a call is under way. Calls that were always as long under way
// as the one before would meet the quota's refill in step, and be lucky for ever.
func (s *shared) way() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.chance.IntN(20)) * time.Millisecond
}

func (s *shared) call() (passed bool) {
	body := `{"ClientId":"` + cognitosim.DefaultClientID + `","Username":"user000001"}`
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ForgotPassword")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, r)
	return w.Code == http.StatusOK
}

// between returns, of the seconds [from, to), the share of the users' calls that
// were throttled, and how much of what they left was used; both in per cent.
func (s *shared) between(from, to int) (throttled, used float64) {
	var users cognitosim.Count
	ours, second := 0.0, s.began.Unix()
	all := s.sim.OthersBySecond()
	for i := from; i < to; i++ {
		users.Calls += all[second+int64(i)].Calls
		users.Throttled += all[second+int64(i)].Throttled
		ours += s.passed[i]
	}
	seconds := float64(to - from)
	room := min(s.rate, 30-float64(users.Calls)/seconds)
	return 100 * float64(users.Throttled) / max(1, float64(users.Calls)), 100 * ours / seconds / max(1, room)
}

func TestLiveUsersAreHardlyThrottledAndWhatTheyLeaveIsUsed(t *testing.T) {
	t.Parallel()
	const usual = 30 * 0.8 / 1.4
	for _, row := range []struct {
		rate, users, throttledMost, usedLeast float64
	}{
		{usual, 10, 0, 99},
		{usual, 20, 3, 90},
		{usual, 25, 5, 90},
		{30, 10, 3, 90},
		{30, 20, 3, 90},
		{30, 25, 5, 90},
	} {
		t.Run(fmt.Sprintf("rate %.1f users %v", row.rate, row.users), func(t *testing.T) {
			t.Parallel()
			beside(t, row.rate, fmt.Sprint(row.users), 4*time.Minute, func(s *shared) {
				throttled, used := s.between(20, 240)
				t.Logf("%.2f %% of the users' calls were throttled, %.0f %% of what they leave was used", throttled, used)
				if throttled > row.throttledMost || used < row.usedLeast {
					t.Errorf("want at most %v %% and at least %v %%", row.throttledMost, row.usedLeast)
				}
			})
		})
	}
}

func TestTenSecondsAfterAStepTheNewRoomIsUsed(t *testing.T) {
	t.Parallel()
	for others, least := range map[string]float64{
		"25,60s:0": 99, "25,64s:0": 99, "25,68s:0": 99, "25,62s:10": 85, "25,66s:10": 85,
	} {
		t.Run(others, func(t *testing.T) {
			t.Parallel()
			var step int
			if _, err := fmt.Sscanf(others, "25,%ds", &step); err != nil {
				t.Fatal(err)
			}
			beside(t, 30, others, time.Duration(step+31)*time.Second, func(s *shared) {
				_, used := s.between(step+11, step+31)
				t.Logf("%.0f %% used", used)
				if used < least {
					t.Errorf("want %v %%", least)
				}
			})
		})
	}
}

// Of forty a second, ten are too many for the quota without rekey.
func TestInASpikeTheUsersGetTheQuota(t *testing.T) {
	t.Parallel()
	beside(t, 30, "10,60s:40,70s:10", 100*time.Second, func(s *shared) {
		throttled, _ := s.between(60, 70)
		_, after := s.between(81, 100)
		t.Logf("%.0f %% throttled in the spike, %.0f %% used after it", throttled, after)
		if throttled > 33 || after < 90 {
			t.Error("want at most 33 % and at least 90 %")
		}
	})
}
