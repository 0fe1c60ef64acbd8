package outage

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
)

// trouble is a way in which a Redis can be there and yet serve nobody. Its ends
// have a connection of their own, which the trouble leaves alone.
type trouble struct {
	begin, end []any
	cut        bool // existing connections are cut as well
}

var troubles = map[string]trouble{
	"full":      {begin: []any{"CONFIG", "SET", "maxmemory", "1mb"}, end: []any{"CONFIG", "SET", "maxmemory", "0"}},
	"read-only": {begin: []any{"REPLICAOF", "127.0.0.1", "1"}, end: []any{"REPLICAOF", "NO", "ONE"}},
	"refuses the password": {
		begin: []any{"CONFIG", "SET", "requirepass", "another"}, end: []any{"CONFIG", "SET", "requirepass", ""}, cut: true,
	},
	"forbids scripts": {begin: []any{"ACL", "SETUSER", "default", "-@scripting"}, end: []any{"ACL", "SETUSER", "default", "+@scripting"}},
	"has too few replicas": {
		begin: []any{"CONFIG", "SET", "min-replicas-to-write", "1"}, end: []any{"CONFIG", "SET", "min-replicas-to-write", "0"},
	},
}

func (x trouble) start(r *rig, admin *redis.Conn) {
	r.do(admin, x.begin...)
	if x.cut {
		r.do(admin, "CLIENT", "KILL", "TYPE", "normal")
	}
}

func TestNothingIsSentWhileRedisRefusesAndNobodyIsCalledTwice(t *testing.T) {
	t.Parallel()
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := campaigntest.Users(0, 800)
			r := newRig(t, options{users: len(names), rate: 100, latency: 80 * time.Millisecond})
			for range 3 {
				r.worker()
			}
			r.run("breach", names)
			admin := r.rdb.Conn()
			t.Cleanup(func() { _ = admin.Close() })
			r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 200 && c.Counts.Calling > 2 })
			trouble.start(r, admin)
			began := time.Now()
			r.wait(r.hour.Deadline() + 500*time.Millisecond) // what was in flight ends
			r.wantQuiet(admin, 5*time.Second)
			if n := r.callsIn(began.Add(time.Second), time.Now()); n > 0 {
				t.Errorf("%d calls went out meanwhile", n)
			}
			r.do(admin, trouble.end...)
			ended := time.Now()
			r.await("breach", "done", done)
			r.wantEachCalledOnce(names)
			r.wantRate(ended)
			r.audit("breach", names)
		})
	}
}

// wantQuiet looks on for a while: nothing is fed, nothing goes round, and Redis
// is asked now and then whether it is well again, not all the time.
func (r *rig) wantQuiet(admin *redis.Conn, d time.Duration) {
	r.t.Helper()
	queued, scripts, from := r.queued(admin), r.scripts(admin), time.Now()
	r.wait(d)
	if n := r.queued(admin); n != queued {
		r.t.Errorf("the queue went from %d tasks to %d meanwhile", queued, n)
	}
	per := float64(r.scripts(admin)-scripts) / time.Since(from).Seconds()
	r.t.Logf("%.0f scripts a second meanwhile", per)
	if per > 100 {
		r.t.Errorf("%.0f scripts a second meanwhile", per)
	}
}

// A worker that has nothing to do asks the queue for more, again and again.
func TestIdleWorkersLeaveARedisInTroubleInPeace(t *testing.T) {
	t.Parallel()
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := campaigntest.Users(0, 20)
			r := newRig(t, options{users: len(names), rate: 100})
			r.worker()
			r.run("breach", names)
			r.await("breach", "done", done)
			admin := r.rdb.Conn()
			t.Cleanup(func() { _ = admin.Close() })
			trouble.start(r, admin)
			r.wait(time.Second)
			r.wantQuiet(admin, 3*time.Second)
			r.do(admin, trouble.end...)
			r.run("another", names[:5])
			r.await("another", "done", done)
		})
	}
}
