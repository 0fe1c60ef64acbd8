package tasks

import (
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestAQueueThatAsynqsToolsPausedIsNamed(t *testing.T) {
	t.Parallel()
	names := users(20)
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	inspector := asynq.NewInspectorFromRedisClient(r.rdb)
	if err := inspector.PauseQueue(Queue(poolName)); err != nil {
		t.Fatal(err)
	}
	r.worker()
	r.run("breach", names)
	paused := func() campaign.Worker {
		all, err := r.store.Workers(t.Context())
		if err != nil || len(all) != 1 {
			return campaign.Worker{}
		}
		return all[0]
	}
	r.until("the worker says so", 20*time.Second, func() bool { return paused().Paused == Queue(poolName) })
	if w := paused(); w.UrgentPaused != "" {
		t.Errorf("%+v", w)
	}
	if n := strings.Count(r.log.String(), "nothing of a queue is sent: it was paused"); n != 1 || !strings.Contains(r.log.String(), "DEL asynq:{rekey-prod}:paused") {
		t.Errorf("the log says so %d times", n)
	}
	if err := inspector.UnpauseQueue(Queue(poolName)); err != nil {
		t.Fatal(err)
	}
	r.await("breach", "done", 30*time.Second, done)
	r.until("the worker says it no longer", 20*time.Second, func() bool { w := paused(); return w.Name != "" && w.Paused == "" })
}
