package outage

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
)

// losses are ways in which asynq's queue loses tasks.
var losses = map[string]func(r *rig){
	"emptied by hand": func(r *rig) { r.drop("asynq:{rekey-" + pool + "}:*") },
	// The ids of what was there are taken, and in no list.
	"hashes in no list": func(r *rig) {
		r.drop(asynqKey("rekey-"+pool, "pending"))
		r.drop(asynqKey("rekey-"+pool, "retry"))
	},
	// What is taken from the queue then is nothing, and stays active for ever.
	"hashes evicted": func(r *rig) {
		r.drop(asynqKey("rekey-"+pool, "t:*"))
		r.until("all were taken for nothing", func() bool {
			return r.must(r.rdb.LLen(r.t.Context(), asynqKey("rekey-"+pool, "pending"))) == 0
		})
		r.age("rekey-" + pool)
	},
	// Running tasks cannot say that they have ended.
	"active tasks forgotten": func(r *rig) { r.drop(asynqKey("rekey-"+pool, "active")) },
	// asynq looks for the tasks of the dead in it alone.
	"leases forgotten": func(r *rig) { r.drop(asynqKey("rekey-"+pool, "lease")) },
	// While a campaign is paused the workers let go of its tasks.
	"dropped while paused": func(r *rig) {
		if _, err := r.store.Pause(r.t.Context(), "breach", "a test"); err != nil {
			r.t.Fatal(err)
		}
		r.until("the queue is empty", func() bool { return r.queued(r.rdb) == 0 })
		if _, err := r.store.Resume(r.t.Context(), "breach"); err != nil {
			r.t.Fatal(err)
		}
	},
	"emptied while paused": func(r *rig) {
		if _, err := r.store.Pause(r.t.Context(), "breach", "a test"); err != nil {
			r.t.Fatal(err)
		}
		r.drop("asynq:{rekey-" + pool + "}:*")
		if _, err := r.store.Resume(r.t.Context(), "breach"); err != nil {
			r.t.Fatal(err)
		}
	},
}

// age takes half a minute from every lease, which nobody renews.
func (r *rig) age(queue string) {
	r.t.Helper()
	leases, err := r.rdb.ZRangeWithScores(r.t.Context(), asynqKey(queue, "lease"), 0, -1).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range leases {
		leases[i].Score -= 31
	}
	r.must(r.rdb.ZAddXX(r.t.Context(), asynqKey(queue, "lease"), leases...))
}

// drop deletes keys by pattern.
func (r *rig) drop(pattern string) {
	r.t.Helper()
	keys, err := r.rdb.Keys(r.t.Context(), pattern).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	if len(keys) == 0 {
		if strings.HasSuffix(pattern, ":retry") {
			return // there need not be any
		}
		r.t.Fatalf("there is no %s: the test shows nothing", pattern)
	}
	if err := r.rdb.Del(r.t.Context(), keys...).Err(); err != nil {
		r.t.Fatal(err)
	}
}

func TestEveryRowComesBackThatTheQueueLost(t *testing.T) {
	t.Parallel()
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := campaigntest.Users(0, 400)
			r := newRig(t, options{users: len(names), rate: 60, latency: 50 * time.Millisecond})
			r.worker()
			r.worker()
			r.run("breach", names)
			// All are fed, and most of them stand in the queue.
			r.await("breach", "all fed", func(c campaign.Campaign) bool { return c.Cursor == c.Total && c.Counts.Accepted > 50 })
			if n := r.queued(r.rdb); n < 150 {
				t.Fatalf("only %d tasks are left to lose", n)
			}
			lose(r)
			lost := time.Now()
			r.await("breach", "done", done)
			t.Logf("done %v after, of %v", time.Since(lost).Round(100*time.Millisecond), time.Duration(float64(len(names))/r.rate*float64(time.Second)))
			r.wantEachCalledOnce(names)
			r.audit("breach", names)
		})
	}
}
