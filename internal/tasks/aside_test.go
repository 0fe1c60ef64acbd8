package tasks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
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
	s := newPatient(rdb, newSignal(), newAside().any)
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

// A pool may itself be called urgent: its bulk queue is asked each time.
func TestAnEmptyUrgentQueueIsNotAskedForEachTask(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	p := newPatient(rdb, newSignal(), newAside().any)
	take := redis.NewScript(`redis.call("INCR", "asked:" .. KEYS[1]); return redis.call("RPOP", KEYS[1])`)
	if err := take.Load(t.Context(), rdb).Err(); err != nil {
		t.Fatal(err)
	}
	for _, queue := range []string{UrgentQueue("prod"), Queue("prod"), Queue("urgent-prod")} {
		pending, began := key(queue, "pending"), time.Now()
		for range 50 {
			if err := take.Run(t.Context(), p, []string{pending}).Err(); !errors.Is(err, redis.Nil) {
				t.Fatalf("took a task: %v", err)
			}
		}
		most := int(time.Since(began)/lull) + 2
		asked, err := rdb.Get(t.Context(), "asked:"+pending).Int()
		if err != nil {
			t.Fatal(err)
		}
		if bulk := !strings.Contains(queue, "prod-urgent"); bulk && asked != 50 || !bulk && asked > most {
			t.Errorf("%s was asked %d times", queue, asked)
		}
	}
	if err := rdb.LPush(t.Context(), key(UrgentQueue("prod"), "pending"), "task").Err(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; {
		err := take.Run(t.Context(), p, []string{key(UrgentQueue("prod"), "pending")}).Err()
		if err == nil {
			break
		}
		if !errors.Is(err, redis.Nil) || time.Since(began) > 5*time.Second {
			t.Fatalf("an urgent task is not taken: %v", err)
		}
	}
}

func TestARefusedScriptIsNotAskedForAgainAtOnce(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	p := newPatient(rdb, newSignal(), newAside().any)
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

// limitedBy is what a worker's metrics say limits the pool.
func (w *running) limitedBy(t *testing.T) (limits []string) {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() != mLimitedBy.Name || m.GetGauge().GetValue() == 0 {
				continue
			}
			for _, l := range m.GetLabel() {
				if l.GetName() == "limit" {
					limits = append(limits, l.GetValue())
				}
			}
		}
	}
	return limits
}

// That show says "connection" of the same workers its own tests say; whether all
// are away both ask campaign.Away.
func TestWhenNoWorkerReachesCognitoItIsTheConnectionThatLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, 100, cognitosim.Options{})
	r.twin.Down()
	one, two := r.worker(), r.worker()
	r.run("breach", users(400))
	r.until("the metrics of both say what show says", 20*time.Second, func() bool {
		all, err := r.store.Workers(t.Context())
		n, _ := campaign.Away(all, time.Now())
		want := []string{string(ratelimit.LimitedByConnection)}
		return err == nil && n == 2 && slices.Equal(one.limitedBy(t), want) && slices.Equal(two.limitedBy(t), want)
	})
	if lines := strings.Count(r.log.String(), "no connection to Cognito"); lines > 8 {
		t.Errorf("two workers say in %d lines that there is no connection", lines)
	}
}

func TestOneWorkerThatReachesCognitoIsEnoughForTheBucketToLimit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	gone := campaign.Worker{Name: "a", Away: now.Add(time.Minute)}
	for name, row := range map[string]struct {
		workers []campaign.Worker
		at      time.Time
		want    ratelimit.Limiter
	}{
		"nobody is present": {nil, now, ratelimit.LimitedByQuota},
		"one is away":       {[]campaign.Worker{gone, {Name: "b"}}, now, ratelimit.LimitedByQuota},
		"all are":           {[]campaign.Worker{gone, gone}, now, ratelimit.LimitedByConnection},
		"all were":          {[]campaign.Worker{gone, gone}, gone.Away, ratelimit.LimitedByQuota},
	} {
		a := newAside()
		a.with(row.workers, now)
		if by := a.limiter(poolName, ratelimit.State{Now: row.at}); by != row.want {
			t.Errorf("%s: limited by %s", name, by)
		}
	}
}

func TestThatTheRateStartsLowIsSaidOnceAndWhenCognitoIsReached(t *testing.T) {
	t.Parallel()
	a := newAside()
	a.stand(time.Millisecond)
	a.startLow()
	a.stand(time.Millisecond) // its tries failed
	if a.startsLow() {
		t.Error("the rate is said to start while nobody is reached")
	}
	a.startLow()
	if !a.startsLow() || a.startsLow() {
		t.Error("it is not said, or twice")
	}
}

func TestHandlersThatFindNoConnectionTogetherSayItInOneLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var u unreached
		want := func(cause reset.Cause, tries int) {
			t.Helper()
			if n := u.say(cause); n != tries {
				t.Errorf("a line about %d tries, want %d", n, tries)
			}
		}
		want(reset.Dial, 1)
		for range 10 {
			want(reset.Dial, 0)
		}
		time.Sleep(unreachedEvery)
		want(reset.Dial, 11)
		want(reset.DNS, 1)
		want(reset.DNS, 0)
	})
}
