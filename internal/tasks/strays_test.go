package tasks

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// idle is a feeder without a worker around it.
func (r *rig) idle() *feeder {
	log := slog.New(slog.NewTextHandler(r.log, nil))
	return New(Pool{Redis: r.rdb, Store: r.store}, Options{Log: log, Metrics: NewMetrics(prometheus.NewRegistry(), "test")}).feeder
}

// stray feeds n rows and leaves their tasks as a dequeue does that ended half-way.
func (r *rig) stray(f *feeder, n int) (ids []string) {
	r.t.Helper()
	all := []campaign.Campaign{r.campaign("breach")}
	if err := newMeal(f, time.Now()).serve(r.t.Context(), all, 0, n); err != nil {
		r.t.Fatal(err)
	}
	for range n {
		id, err := r.rdb.LMove(r.t.Context(), key(Queue(poolName), "pending"), key(Queue(poolName), "active"), "RIGHT", "LEFT").Result()
		if err != nil {
			r.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestARowComesBackWhoseTaskIsActiveInNobodysHands(t *testing.T) {
	t.Parallel()
	names := users(60)
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.run("breach", names)
	ids := r.stray(r.idle(), 40)
	for i, id := range ids[:20] { // names without a task, too, as an eviction leaves them
		r.rdb.Del(t.Context(), key(Queue(poolName), "t:"+id))
		if i%2 == 0 {
			r.rdb.ZAdd(t.Context(), key(Queue(poolName), "lease"), redis.Z{Member: id, Score: 1})
		}
	}
	r.worker()
	r.await("breach", "done", 40*time.Second, done)
	r.wantEachCalledOnce(names)
	r.wantQueueEmpty()
}

func TestATaskInAWorkersHandsIsNoStray(t *testing.T) {
	t.Parallel()
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: 20}})
	r.run("breach", users(20))
	f, now := r.idle(), time.Now()
	for _, id := range r.stray(f, 20) {
		r.rdb.ZAdd(t.Context(), key(Queue(poolName), "lease"), redis.Z{Member: id, Score: float64(now.Unix() + 30)})
	}
	if again, gone, err := f.queues.reclaim(t.Context(), now); again != 0 || gone != 0 || err != nil {
		t.Errorf("%d again, %d gone, %v", again, gone, err)
	}
	if _, other, err := f.queues.lengths(t.Context(), now); other != (length{due: 20, all: 20}) || err != nil {
		t.Errorf("%+v, %v", other, err)
	}
	// Their worker has died: they wait for asynq to notice, and leave the window to others.
	if _, other, err := f.queues.lengths(t.Context(), now.Add(time.Minute)); other != (length{due: 0, all: 20, orphans: 20}) || err != nil {
		t.Errorf("after the lease: %+v, %v", other, err)
	}
}
