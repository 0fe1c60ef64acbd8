package tasks

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
)

// ripen makes a campaign's rows wait for a time that has come, all in later,
// from a score on.
func (r *rig) ripen(id string, n int, score float64) {
	r.t.Helper()
	c := r.campaign(id)
	if ok, err := r.store.Advance(r.t.Context(), c, 0, c.Total); !ok || err != nil {
		r.t.Fatal(ok, err)
	}
	record := campaign.Record{State: campaign.Waiting, Cause: reset.LimitExceededUser, Attempts: 1, At: time.Now().Add(-time.Minute)}.Bytes()
	_, err := r.rdb.Pipelined(r.t.Context(), func(p redis.Pipeliner) error {
		for row := range n {
			p.SetRange(r.t.Context(), ledgerKey(id, row/1024), int64(8*(row%1024)), string(record))
			p.ZAdd(r.t.Context(), "rekey:{"+poolName+"}:later", redis.Z{Member: fmt.Sprintf("%s#%d %s", id, row, c.Generation), Score: score + float64(row)})
		}
		p.HIncrBy(r.t.Context(), "rekey:{"+poolName+"}:c:"+id, "planned", -int64(n))
		p.HIncrBy(r.t.Context(), "rekey:{"+poolName+"}:c:"+id, "waiting", int64(n))
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestAnUrgentRowThatIsDueWaitsForNoneThatWereDueBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: 900}})
	r.run("breach", users(800))
	r.run("single", users(900)[800:803], func(s *campaign.Spec) { s.Priority = campaign.Urgent })
	r.ripen("breach", 800, 1)
	r.ripen("single", 3, 1e9)
	f, now := r.idle(), time.Now()
	serve := func(want length) {
		t.Helper()
		all := []campaign.Campaign{r.campaign("breach"), r.campaign("single")}
		f.walks.notice(now, all, sight{})
		f.fetched = time.Time{}
		if err := newMeal(f, now).serve(t.Context(), all, 300, 300); err != nil {
			t.Fatal(err)
		}
		urgent, _, err := f.queues.lengths(t.Context(), now)
		if err != nil || urgent != want {
			t.Errorf("urgent tasks: %+v, %v", urgent, err)
		}
	}
	serve(length{due: 3, all: 3})
	serve(length{due: 3, all: 3}) // and once is enough
	if n, err := r.store.Resting(t.Context()); n > 800-300 || err != nil {
		t.Errorf("%d rows stand in later, %v", n, err)
	}
	for row := range 3 {
		member := fmt.Sprintf("single#%d %s", row, r.campaign("single").Generation)
		if err := r.rdb.ZScore(t.Context(), "rekey:{"+poolName+"}:later", member).Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("row %d, which was fed, is still in later", row)
		}
	}
}
