package faketime

import (
	"fmt"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/tasks"
)

func TestADailyEmailQuotaHoldsThePoolUntilNineAndItGoesOnByItself(t *testing.T) {
	const mails, users, single = 50, 90, 5
	const rate = 0.5
	sim := cognitosim.Options{Users: cognitosim.Users{N: users + single}, DailyEmail: mails, Latency: 3 * time.Second}
	inBubble(t, setup{rate: rate, sim: sim}, func(t *testing.T, r *rig) {
		nine := time.Now().Add(9 * time.Hour)
		time.Sleep(8*time.Hour + 30*time.Minute)
		r.worker()
		r.run("breach", 0, users)
		r.awaitBlocked()
		r.wantBlockedUntil(nine)
		time.Sleep(10 * time.Second) // calls that were under way have ended
		// An urgent campaign has a window of its own.
		r.run("single", users, users+single, func(s *campaign.Spec) { s.Priority = campaign.Urgent })
		held, calls := r.campaign("breach"), r.sim.Calls()
		if held.Counts.Accepted != mails || held.Counts.Calling != 0 {
			t.Errorf("when the quota was spent: %+v", held.Counts)
		}
		for time.Until(nine) > 0 {
			if n := r.queued(); n > rate*60 {
				t.Fatalf("at %v there are %d tasks, more than a minute of the rate", time.Now(), n)
			}
			time.Sleep(min(time.Minute, time.Until(nine)))
		}
		if now, urgent := r.campaign("breach"), r.campaign("single"); r.sim.Calls() != calls || now.Cursor != held.Cursor || urgent.Cursor != 0 {
			t.Errorf("before nine there were %d calls; fed were %d rows, and %d urgent ones", r.sim.Calls()-calls, now.Cursor-held.Cursor, urgent.Cursor)
		}
		r.awaitDone("single", 2*time.Minute)
		r.awaitDone("breach", 10*time.Minute)
		if after := r.between(nine, nine.Add(time.Minute)); len(after) == 0 {
			t.Error("nobody was called within a minute after nine")
		}
		r.wantNoAttemptLost("breach")
	})
}

func (r *rig) wantBlockedUntil(nine time.Time) {
	r.t.Helper()
	b, _ := r.bucket().Blocked(pool)
	if late := b.Until.Sub(nine); late < 0 || late > 30*time.Second {
		r.t.Errorf("the pool is blocked until %v (%s)", b.Until.UTC(), b.Why)
	}
}

// queued is how many tasks asynq holds, in whichever of its lists.
func (r *rig) queued() (n int64) {
	r.t.Helper()
	for _, queue := range []string{tasks.Queue(pool), tasks.UrgentQueue(pool)} {
		for _, list := range []string{"pending", "active"} {
			n += r.rdb.LLen(r.t.Context(), fmt.Sprintf("asynq:{%s}:%s", queue, list)).Val()
		}
		for _, set := range []string{"retry", "scheduled"} {
			n += r.rdb.ZCard(r.t.Context(), fmt.Sprintf("asynq:{%s}:%s", queue, set)).Val()
		}
	}
	return n
}

// wantNoAttemptLost: everybody was accepted in the end, and what went before
// cost nobody an attempt.
func (r *rig) wantNoAttemptLost(id string) {
	r.t.Helper()
	for _, row := range r.rows(id) {
		if row.State != campaign.Accepted || row.Attempts != 0 {
			r.t.Errorf("%s: %v with %d attempts", row.Ref, row.State, row.Attempts)
		}
	}
}
