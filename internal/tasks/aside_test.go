package tasks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
)

func TestAWorkerThatStandsAsideLeavesTheLineAndComesBackOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAside()
		here, back := a.line()
		if back || here.Err() != nil || a.any() {
			t.Error("it stands aside from the beginning")
		}
		a.stand(15 * time.Second)
		if here.Err() == nil || !a.any() {
			t.Error("who stands in line stays")
		}
		if here, back = a.line(); here.Err() == nil || back {
			t.Error("somebody may stand in line meanwhile")
		}
		time.Sleep(15 * time.Second)
		here, back = a.line()
		if here.Err() != nil || !back || a.any() {
			t.Error("it does not come back")
		}
		if _, back = a.line(); back {
			t.Error("it comes back twice")
		}
	})
}

func TestWhoStandsAsideTakesNoTaskAndGivesItsOwnBack(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	s := patient{rdb, newSignal(), newAside().any}
	client := asynq.NewClientFromRedisClient(rdb)
	if _, err := client.Enqueue(asynq.NewTask(TaskType, nil), asynq.Queue(Queue(poolName))); err != nil {
		t.Fatal(err)
	}
	take := func() error {
		name := Queue(poolName)
		keys := []string{key(name, "pending"), key(name, "paused"), key(name, "active"), key(name, "lease")}
		return redis.NewScript(`return redis.call("RPOPLPUSH", KEYS[1], KEYS[3])`).Run(t.Context(), s, keys).Err()
	}
	away := newAside()
	away.stand(time.Hour)
	s.aside = away.any
	if err := take(); !errors.Is(err, redis.Nil) {
		t.Errorf("took a task: %v", err)
	}
	back := redis.NewScript(`return redis.call("RPOPLPUSH", KEYS[1], KEYS[2])`)
	if err := back.Run(t.Context(), s, []string{key(Queue(poolName), "active"), key(Queue(poolName), "pending")}).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("a task that is given back: %v", err)
	}
	s.aside = newAside().any
	if err := take(); err != nil {
		t.Errorf("took none: %v", err)
	}
}

func TestARefusedScriptIsNotAskedForAgainAtOnce(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	p := patient{rdb, newSignal(), newAside().any}
	for script, refused := range map[string]bool{
		`return 1`:                              false,
		`return false`:                          false,
		`return redis.error_reply("NOT FOUND")`: false,
		`return redis.error_reply("OOM full")`:  true,
	} {
		began := time.Now()
		_ = redis.NewScript(script).Run(t.Context(), p, []string{"key"}).Err() // how long it takes is what counts
		if took := time.Since(began); (took >= patience) != refused {
			t.Errorf("%s took %v", script, took)
		}
	}
	p.stop.raise(errStopping)
	began := time.Now()
	_ = p.Eval(context.Background(), `return redis.error_reply("OOM full")`, []string{"key"}).Err() // as above
	if took := time.Since(began); took >= patience {
		t.Errorf("it took %v to stop", took)
	}
}
