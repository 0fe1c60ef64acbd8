package tasks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// ledgerKey is a chunk of a campaign's ledger.
func ledgerKey(id string, chunk int) string {
	return fmt.Sprintf("rekey:{%s}:c:%s:l:%d", poolName, id, chunk)
}

func TestADamagedRecordCostsItsOwnRowAndTheCampaignEnds(t *testing.T) {
	t.Parallel()
	const n = roster.ChunkRows + 100
	names := users(n)
	r := newRig(t, 400, cognitosim.Options{Users: cognitosim.Users{N: n}})
	r.load("breach", names, func(s *campaign.Spec) { s.Guard = campaign.Guard{} })
	r.rdb.SetRange(t.Context(), ledgerKey("breach", 0), 8*roster.ChunkRows+1, "\x00") // as the first call makes it
	for _, row := range []int64{5, 7} {
		if err := r.rdb.SetRange(t.Context(), ledgerKey("breach", 0), 8*row, "\x09").Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.store.Start(t.Context(), "breach", n); err != nil {
		t.Fatal(err)
	}
	r.worker()
	c := r.await("breach", "done", 40*time.Second, done)
	if c.Counts.Accepted != n-2 || c.Counts.Parked != 2 || c.CausesOf(campaign.Parked)[reset.LedgerDamaged] != 2 {
		t.Errorf("%+v, causes %v", c.Counts, c.CausesOf())
	}
	r.wantEachCalledOnce(append(append(append([]string{}, names[:5]...), names[6]), names[8:]...))
	for _, row := range []string{"breach#5", "breach#7"} {
		if n := strings.Count(r.log.String(), "msg=\"a row is lost\" worker=worker-1 pool=prod row="+row+" cause=LedgerDamaged"); n != 1 {
			t.Errorf("the log names %s %d times", row, n)
		}
	}
	if moved, err := r.store.Replay(t.Context(), "breach", campaign.Filter{Cause: reset.LedgerDamaged}, 2); err != nil || moved != 2 {
		t.Fatalf("replayed %d, %v", moved, err)
	}
	c = r.await("breach", "done after the replay", 40*time.Second, done)
	if c.Counts.Accepted != n {
		t.Errorf("%+v", c.Counts)
	}
}

func TestADamagedChunkOfTheRosterCostsItsOwnRowsAndHaltsNothing(t *testing.T) {
	t.Parallel()
	const n = 3*roster.ChunkRows + 100
	names := users(n)
	r := newRig(t, 500, cognitosim.Options{Users: cognitosim.Users{N: n}})
	r.load("breach", names, func(s *campaign.Spec) { s.Guard = campaign.Guard{} })
	key := fmt.Sprintf("rekey:{%s}:c:breach:r:", poolName)
	if err := r.rdb.Set(t.Context(), key+"1", "not a chunk", 0).Err(); err != nil {
		t.Fatal(err)
	}
	r.rdb.Del(t.Context(), key+"2")
	if err := r.rdb.RPush(t.Context(), key+"2", "of another type").Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Start(t.Context(), "breach", n); err != nil {
		t.Fatal(err)
	}
	r.worker()
	c := r.await("breach", "done, or halted", 60*time.Second, func(c campaign.Campaign) bool { return done(c) || c.State == campaign.Halted })
	const lost = 2 * roster.ChunkRows
	if !done(c) || c.Counts.Accepted != n-lost || c.CausesOf(campaign.Dead)[reset.RosterDamaged] != lost {
		t.Errorf("%s (%s), %+v, causes %v", c.State, c.Reason, c.Counts, c.CausesOf())
	}
	r.wantEachCalledOnce(append(append([]string{}, names[:roster.ChunkRows]...), names[3*roster.ChunkRows:]...))
}

func TestForeignMembersAreNamedAndHoldUpNoCampaign(t *testing.T) {
	t.Parallel()
	names := users(20)
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	later, calls := "rekey:{"+poolName+"}:later", "rekey:{"+poolName+"}:calls"
	r.rdb.ZAdd(t.Context(), later, redis.Z{Member: "nonsense"})
	r.rdb.HSet(t.Context(), calls, "nonsense", "of somebody else")
	r.worker()
	r.run("breach", names)
	r.await("breach", "done", 30*time.Second, done)
	r.wantEachCalledOnce(names)
	for _, key := range []string{later, calls} {
		r.until("the log names "+key, 10*time.Second, func() bool { return strings.Contains(r.log.String(), key+" are not rekey's") })
		if n := strings.Count(r.log.String(), key+" are not rekey's"); n != 1 {
			t.Errorf("the log names %s %d times", key, n)
		}
	}
}

func TestADamagedCampaignHoldsUpNoOtherAndGoesOnWhenItIsMended(t *testing.T) {
	t.Parallel()
	names := users(60)
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.run("damaged", names[:20])
	key := fmt.Sprintf("rekey:{%s}:c:damaged", poolName)
	r.rdb.HSet(t.Context(), key, "total", "abc")
	r.worker()
	r.run("breach", names[20:])
	r.until("the other one is done", 30*time.Second, func() bool {
		c, err := r.store.Campaign(t.Context(), "breach")
		return err == nil && done(c)
	})
	if n := strings.Count(r.log.String(), "campaigns cannot be read; the others go on"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
	r.rdb.HSet(t.Context(), key, "total", "20")
	r.await("damaged", "done after it was mended", 30*time.Second, done)
	r.wantEachCalledOnce(names)
}

func TestWhatIsOnlyCountedHoldsUpNothingAndADamagedLimitIsSaidOnce(t *testing.T) {
	t.Parallel()
	names := users(60)
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	walk, bucket := "rekey:{"+poolName+"}:walk", ratelimit.Key(r.quota.Name)
	r.rdb.Set(t.Context(), walk, "junk", 0)
	for second := range 61 {
		r.rdb.HSet(t.Context(), bucket, fmt.Sprintf("m:%d", second), "junk")
	}
	r.worker()
	r.run("breach", names[:40])
	r.await("breach", "done", 30*time.Second, done)
	if !strings.Contains(r.log.String(), walk+" are not rekey's") {
		t.Error("the log does not name the walks")
	}
	r.rdb.HSet(t.Context(), bucket, "block:"+poolName, "junk")
	const said = "the bucket cannot be read; nothing is fed"
	r.until("the log names the damage", 10*time.Second, func() bool { return strings.Contains(r.log.String(), said) })
	r.run("held", names[40:])
	time.Sleep(2500 * time.Millisecond)
	if c := r.campaign("held"); c.Counts.Planned != 20 || strings.Count(r.log.String(), said) != 1 {
		t.Errorf("%+v, said %d times", c.Counts, strings.Count(r.log.String(), said))
	}
	r.rdb.HDel(t.Context(), bucket, "block:"+poolName)
	r.await("held", "done", 30*time.Second, done)
	r.wantEachCalledOnce(names)
}
