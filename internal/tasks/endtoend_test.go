package tasks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestEveryUserIsCalledOnceByTwoWorkers(t *testing.T) {
	t.Parallel()
	names := users(600)
	r := newRig(t, 300, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.worker()
	r.worker()
	r.run("breach", names)
	c := r.await("breach", "done", 20*time.Second, done)
	if c.Counts.Accepted != int64(len(names)) {
		t.Errorf("accepted %d of %d", c.Counts.Accepted, len(names))
	}
	r.wantEachCalledOnce(names)
}

func TestTheRedisInMemoryServesASmallCampaign(t *testing.T) {
	t.Parallel()
	memory, err := embedredis.Start(t.Context(), embedredis.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() }) // it only stops listening
	names := users(40)
	r := newRigOn(t, redistest.Client(t, memory), 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)},
		Faults: []cognitosim.Fault{{User: "user000007", Answer: "CodeDeliveryFailure"}}})
	r.worker()
	r.run("breach", names)
	c := r.await("breach", "done", 60*time.Second, done)
	if c.Counts.Accepted != 39 || c.Counts.Dead != 1 {
		t.Errorf("%+v", c.Counts)
	}
}

func TestDeliveredTwiceFedTwiceStartedTwiceEnqueuedTwiceIsCalledOnce(t *testing.T) {
	t.Parallel()
	names := users(200)
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Latency: 30 * time.Millisecond})
	r.run("breach", names)
	var twice campaign.ErrState
	if err := r.store.Start(t.Context(), "breach", int64(len(names))); !errors.As(err, &twice) {
		t.Errorf("started twice: %v", err)
	}
	r.load("breach", names) // the same content again changes nothing
	r.worker()
	r.worker()
	// Three more tasks of every row, while the feeder feeds its own.
	c := r.campaign("breach")
	q := newQueues(r.rdb, poolName)
	for copy := range int64(3) {
		var items []item
		for row := range int64(len(names)) {
			items = append(items, item{ref: c.Ref(row), id: spareID(c.Ref(row), copy)})
		}
		if _, err := q.enqueue(t.Context(), items); err != nil {
			t.Fatal(err)
		}
	}
	r.await("breach", "done", 20*time.Second, done)
	r.wantQueueEmpty()
	r.wantEachCalledOnce(names)
}

func TestStopDrains(t *testing.T) {
	t.Parallel()
	names := users(100)
	// Of 32 handlers about eight call and the others stand in line.
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Latency: 400 * time.Millisecond})
	w := r.worker()
	r.run("breach", names)
	r.await("breach", "calls in flight", 10*time.Second, func(c campaign.Campaign) bool { return c.Counts.Calling > 4 && c.Counts.Accepted > 10 })
	began := time.Now()
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > reset.MinHour.Deadline()+time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, e := range r.twin.Journal() {
		if e.At.After(began.Add(300 * time.Millisecond)) {
			t.Fatalf("a call began %v after the stop", e.At.Sub(began))
		}
	}
	c := r.campaign("breach")
	if c.Counts.Calling != 0 || c.Counts.InDoubt != 0 || c.Counts.Accepted != r.twin.Calls() {
		t.Errorf("after %d calls: %+v", r.twin.Calls(), c.Counts)
	}
	r.worker()
	r.await("breach", "done by the next worker", 20*time.Second, done)
	r.wantEachCalledOnce(names)
}

func TestPausedCampaignIsLeftAloneAndResumedWhole(t *testing.T) {
	t.Parallel()
	names := users(500)
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Latency: 20 * time.Millisecond})
	r.worker()
	r.worker()
	r.run("breach", names)
	r.await("breach", "under way", 10*time.Second, func(c campaign.Campaign) bool { return c.Counts.Accepted > 100 })
	if _, err := r.store.Pause(t.Context(), "breach", "a test"); err != nil {
		t.Fatal(err)
	}
	r.await("breach", "no call in flight", 5*time.Second, func(c campaign.Campaign) bool { return c.Counts.Calling == 0 })
	calls := r.twin.Calls()
	r.wantQueueEmpty()
	if n := r.twin.Calls(); n != calls {
		t.Errorf("%d calls after the pause", n-calls)
	}
	if _, err := r.store.Resume(t.Context(), "breach"); err != nil {
		t.Fatal(err)
	}
	r.await("breach", "done", 20*time.Second, done)
	r.wantEachCalledOnce(names)
}

func TestRowsWhoseTasksVanishComeBack(t *testing.T) {
	t.Parallel()
	names := users(300)
	r := newRig(t, 60, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.worker()
	r.run("breach", names)
	r.await("breach", "all fed", 10*time.Second, func(c campaign.Campaign) bool { return c.Cursor == c.Total })
	// The list is gone, the tasks' hashes are not: each id is taken and in no list.
	if err := r.rdb.Del(t.Context(), key(Queue(poolName), "pending")).Err(); err != nil {
		t.Fatal(err)
	}
	r.await("breach", "done", 40*time.Second, done)
	r.wantEachCalledOnce(names)
}

func TestSingleResetOvertakesABulkCampaign(t *testing.T) {
	t.Parallel()
	names := users(1000)
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.worker()
	r.run("breach", names[:900], func(s *campaign.Spec) { s.Priority = campaign.Bulk })
	r.await("breach", "under way", 10*time.Second, func(c campaign.Campaign) bool { return c.Counts.Accepted > 5 })
	asked := time.Now()
	ref, _, err := r.store.Append(t.Context(), reset.Request{Username: reset.Hide("user000950")}, "event-1")
	if err != nil {
		t.Fatal(err)
	}
	again, existed, err := r.store.Append(t.Context(), reset.Request{Username: reset.Hide("user000950")}, "event-1")
	if err != nil || !existed || again != ref {
		t.Errorf("the same event again: %v, %v, %v", again, existed, err)
	}
	r.until("the single reset is sent", 15*time.Second, func() bool { return r.calls()["user000950"] > 0 })
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("it took %v, behind a queue of 45 s", took)
	}
	if r.campaign("breach").State == campaign.Done {
		t.Error("the bulk campaign was over already")
	}
}

func TestNoLogLineNamesAUser(t *testing.T) {
	t.Parallel()
	names := users(120)
	r := newRig(t, 200, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Faults: []cognitosim.Fault{
		{Answer: "CodeDeliveryFailure", Share: 0.1}, {Answer: "UserNotFound", Share: 0.1},
		{Answer: "UserLambdaValidation.Refused", Share: 0.1}, {Answer: "TooManyRequests", Share: 0.05},
	}})
	w := r.worker(func(s *setup) { s.client.LambdaRefusals = []string{"no reset for"} })
	r.run("breach", names)
	r.await("breach", "done", 60*time.Second, done)
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	log := r.log.String()
	if !strings.Contains(log, "breach#") || !strings.Contains(log, "CodeDeliveryFailure") {
		t.Error("the log does not tell what happened")
	}
	for _, name := range names {
		if strings.Contains(log, name) {
			t.Fatalf("the log names %s", name)
		}
	}
}

func TestACallCostsAtMostEightScripts(t *testing.T) {
	t.Parallel()
	names := users(800)
	r := newRig(t, 150, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.worker()
	r.worker()
	r.load("breach", names)
	if err := r.rdb.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Start(t.Context(), "breach", int64(len(names))); err != nil {
		t.Fatal(err)
	}
	r.await("breach", "done", 30*time.Second, done)
	info, err := r.rdb.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for line := range strings.Lines(info) {
		var n int
		name, rest, _ := strings.Cut(line, ":")
		switch name {
		case "cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall", "cmdstat_evalsha_ro", "cmdstat_eval_ro":
			if _, err := fmt.Sscanf(rest, "calls=%d,", &n); err != nil {
				t.Fatal(err)
			}
			scripts += n
		}
	}
	per := float64(scripts) / float64(len(names))
	t.Logf("%.2f scripts a call", per)
	if per > 8 || per < 5 {
		t.Errorf("%.2f scripts a call, want at most 8", per)
	}
}

func TestRedisAwayForSomeSecondsAndNobodyIsCalledTwice(t *testing.T) {
	t.Parallel()
	server := redistest.Real(t, "--appendonly", "yes", "--appendfsync", "always")
	names := users(200)
	r := newRigOn(t, redistest.Client(t, server), 40, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Latency: 100 * time.Millisecond})
	r.worker()
	r.worker()
	r.run("breach", names)
	r.await("breach", "under way", 20*time.Second, func(c campaign.Campaign) bool { return c.Counts.Accepted > 40 })
	server.Kill()
	away := time.Now()
	r.until("some seconds pass", 10*time.Second, func() bool { return time.Since(away) > 3*time.Second })
	calls := r.twin.Calls()
	r.until("another one", 10*time.Second, func() bool { return time.Since(away) > 4*time.Second })
	if n := r.twin.Calls(); n != calls {
		t.Errorf("%d calls while Redis was away", n-calls)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.await("breach", "done", 60*time.Second, done)
	sent := r.sent()
	for _, name := range names {
		if sent[name] != 1 {
			t.Errorf("%s got %d messages", name, sent[name])
		}
	}
}
