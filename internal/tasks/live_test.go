package tasks

import (
	"fmt"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// taken counts the tokens that the bucket gave.
func (r *rig) taken() int {
	r.t.Helper()
	n, err := r.rdb.HGet(r.t.Context(), fmt.Sprintf("rekey:{%s}:bucket", r.quota.Name), "used").Int()
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestARowWhoseUserHoldsACodeCostsNoToken(t *testing.T) {
	t.Parallel()
	const n = 100
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: n}})
	r.worker()
	r.run("first", users(n))
	r.await("first", "done", 20*time.Second, done)
	before := r.taken()
	r.run("second", users(n), func(s *campaign.Spec) { s.OnLive = campaign.Skip })
	r.run("third", users(n))
	c := r.await("second", "done", 20*time.Second, done)
	if c.Counts.Skipped != n {
		t.Errorf("second: %+v", c.Counts)
	}
	r.await("third", "waiting", 20*time.Second, func(c campaign.Campaign) bool { return c.Counts.Waiting == n })
	if spent := r.taken() - before; spent > n/20 {
		t.Errorf("%d tokens for %d rows that were not called", spent, 2*n)
	}
	r.await("third", "done", 60*time.Second, done)
}
