package outage

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
)

// away is a way in which a Redis does not answer at all for some seconds. It
// returns when the Redis answers again.
var away = map[string]struct {
	args []string
	run  func(r *rig)
}{
	// appendfsync always keeps what was acknowledged.
	"killed for four seconds": {run: func(r *rig) {
		r.server.Kill()
		r.wait(4 * time.Second)
		r.restart()
	}},
	// A delay for each command that it reads makes a big Redis of a small one.
	"loading": {args: []string{"--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024"}, run: func(r *rig) {
		r.server.Kill()
		r.restart()
	}},
	// It is busy after two seconds: before it hangs, then it says so.
	"slow": {args: []string{"--busy-reply-threshold", "2000"}, run: func(r *rig) {
		ended := make(chan error, 1)
		slow := redis.NewClient(&redis.Options{Network: "unix", Addr: r.server.Options().Addr, ReadTimeout: time.Minute, MaxRetries: -1})
		defer func() { _ = slow.Close() }()
		go func() { ended <- slow.Do(context.Background(), "EVAL", "while true do end", 0).Err() }()
		r.wait(5 * time.Second)
		r.until("the script ends", func() bool { return r.rdb.ScriptKill(r.t.Context()).Err() == nil })
		if err := <-ended; err == nil {
			r.t.Error("the script ended by itself")
		}
	}},
	"stopped": {run: func(r *rig) { r.do(r.rdb, "CLIENT", "PAUSE", "6000", "ALL"); r.wait(6 * time.Second) }},
}

func (r *rig) restart() {
	r.t.Helper()
	if err := r.server.Restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func TestRedisIsAwayForSecondsAndNobodyIsCalledTwice(t *testing.T) {
	t.Parallel()
	for name, trouble := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := campaigntest.Users(0, 800)
			r := newRig(t, options{users: len(names), rate: 100, latency: 80 * time.Millisecond, redis: trouble.args})
			for range 3 {
				r.worker()
			}
			r.run("breach", names)
			r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 250 && c.Counts.Calling > 2 })
			began := time.Now()
			trouble.run(r)
			ended := time.Now()
			if took := ended.Sub(began); took < 2*time.Second {
				t.Fatalf("it was away for %v only", took)
			}
			if n := r.callsIn(began.Add(time.Second), ended); n > 0 {
				t.Errorf("%d calls went out meanwhile", n)
			}
			r.runAgain()
			r.await("breach", "done", done)
			t.Logf("away for %v, done %v after", ended.Sub(began).Round(time.Millisecond), time.Since(ended).Round(time.Millisecond))
			r.wantEachCalledOnce(names)
			r.wantRate(ended)
			r.audit("breach", names)
		})
	}
}

// runAgain does what asynq does half a minute after an outage: tasks that
// finished meanwhile, whose end it could not write down, are delivered again.
func (r *rig) runAgain() {
	r.t.Helper()
	queue := "rekey-" + pool
	ids, err := r.rdb.LRange(r.t.Context(), asynqKey(queue, "active"), 0, -1).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.rdb.TxPipelined(r.t.Context(), func(p redis.Pipeliner) error {
		for _, id := range ids {
			p.LRem(r.t.Context(), asynqKey(queue, "active"), 0, id)
			p.ZRem(r.t.Context(), asynqKey(queue, "lease"), id)
			p.HSet(r.t.Context(), asynqKey(queue, "t:"+id), "state", "pending")
			p.RPush(r.t.Context(), asynqKey(queue, "pending"), id)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("%d tasks are delivered again", len(ids))
}
