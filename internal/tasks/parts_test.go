package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestHandlersLeaveTogetherWhenTheirCampaignIsPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var paused atomic.Bool
		var reads atomic.Int64
		w := newWatch(func(_ context.Context, id string) (campaign.Campaign, error) {
			reads.Add(1)
			c := campaign.Campaign{ID: id, Generation: "g", State: campaign.Running}
			if paused.Load() {
				c.State = campaign.Paused
			}
			return c, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go w.run(ctx)
		var waiting []context.Context
		for range 64 {
			c, ctx, leave, err := w.enter(t.Context(), reset.Ref{Campaign: "c", Generation: "g"})
			defer leave()
			if err != nil || c.State != campaign.Running {
				t.Fatalf("%v, %v", c.State, err)
			}
			waiting = append(waiting, ctx)
		}
		if n := reads.Load(); n > 3 {
			t.Errorf("64 handlers cost %d readings", n)
		}
		time.Sleep(time.Minute)
		if waiting[0].Err() != nil {
			t.Error("it left while the campaign runs")
		}
		paused.Store(true)
		time.Sleep(copyAge)
		synctest.Wait()
		for _, ctx := range waiting {
			if !errors.Is(context.Cause(ctx), errNotRunning) {
				t.Fatalf("still in line: %v", context.Cause(ctx))
			}
		}
		paused.Store(false)
		time.Sleep(copyAge)
		_, again, leave, err := w.enter(t.Context(), reset.Ref{Campaign: "c", Generation: "g"})
		defer leave()
		if err != nil || again.Err() != nil {
			t.Errorf("after the resume: %v, %v", err, context.Cause(again))
		}
		cancel()
	})
}

func TestACopyThatCannotBeReadAnewIsNotTrusted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fault error
		w := newWatch(func(_ context.Context, id string) (campaign.Campaign, error) {
			return campaign.Campaign{ID: id, State: campaign.Running}, fault
		})
		_, _, leave, err := w.enter(t.Context(), reset.Ref{Campaign: "c"})
		leave()
		if err != nil {
			t.Fatal(err)
		}
		fault = errors.New("away")
		time.Sleep(copyAge + time.Millisecond)
		if _, _, _, err := w.enter(t.Context(), reset.Ref{Campaign: "c"}); err == nil {
			t.Error("an old copy was trusted")
		}
		fault = campaign.ErrUnknown{ID: "c"}
		c, _, leave, err := w.enter(t.Context(), reset.Ref{Campaign: "c"})
		leave()
		if err != nil || mayCall(c, reset.Ref{Campaign: "c"}) {
			t.Errorf("a campaign that is gone may be called: %v", err)
		}
	})
}

func TestNothingBeginsWhileAnAnswerIsNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tr trouble
		if err := tr.wait(t.Context()); err != nil || tr.any() {
			t.Fatal("trouble from the beginning")
		}
		tr.begin()
		tr.begin()
		passed := make(chan error, 1)
		go func() { passed <- tr.wait(t.Context()) }()
		tr.end()
		synctest.Wait()
		if len(passed) > 0 || !tr.any() {
			t.Error("one of two answers is enough")
		}
		tr.end()
		if err := <-passed; err != nil {
			t.Error(err)
		}
		tr.begin()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errStopping)
		if err := tr.wait(ctx); !errors.Is(err, errStopping) {
			t.Errorf("a stop does not end the wait: %v", err)
		}
	})
}

func TestAnOutageIsToldFromADamagedRow(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	reply := rdb.Eval(t.Context(), "return redis.error_reply('LOADING Redis is loading')", nil).Err()
	other := rdb.Eval(t.Context(), "return redis.error_reply('ERR something about a row')", nil).Err()
	away := redis.NewClient(&redis.Options{Network: "unix", Addr: "/nowhere/redis.sock", MaxRetries: -1})
	defer away.Close()
	for _, c := range []struct {
		why  string
		err  error
		want bool
	}{
		{"loading", reply, true},
		{"a row's own error", other, false},
		{"no socket", away.Ping(t.Context()).Err(), true},
		{"hung up", fmt.Errorf("record: %w", io.EOF), true},
		{"refused", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{"the client was closed", redis.ErrClosed, true},
		{"an unknown state in the ledger", errors.New("the ledger holds an unknown state 9"), false},
	} {
		if got := outage(c.err); got != c.want {
			t.Errorf("%s (%v): %v", c.why, c.err, got)
		}
	}
}

func TestAStormDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newBounded(slog.New(slog.NewTextHandler(&out, nil))).With("pool", "p")
		for range 10_000 {
			log.Info("called")
		}
		if n := strings.Count(out.String(), "\n"); n > linesAtOnce+1 {
			t.Errorf("%d lines at once", n)
		}
		time.Sleep(time.Second)
		out.Reset()
		log.Info("called")
		if !strings.Contains(out.String(), fmt.Sprintf("lines_left_out=%d", 10_000-linesAtOnce)) {
			t.Errorf("the next line does not say how many were left out: %s", &out)
		}
	})
}

func TestAnErrorIsLoggedWhateverTheStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newBounded(slog.New(slog.NewTextHandler(&out, nil)))
		for range 10_000 {
			log.Info("called")
		}
		log.Error("halted")
		if !strings.Contains(out.String(), "msg=halted") {
			t.Error("the line that calls for somebody is missing")
		}
	})
}

func TestTheSampleNamesWhatTheCauseDoesNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a    answer
		want string
	}{
		{answer{cause: reset.Other, code: "NewException", text: "New."}, "NewException: New."},
		{answer{cause: reset.Forbidden, code: "HTTP403"}, "HTTP403"},
		{answer{cause: reset.UserNotFound, code: "UserNotFoundException", text: "Not found."}, "Not found."},
		{answer{cause: reset.Timeout}, ""},
	} {
		if got := c.a.sample(); got != c.want {
			t.Errorf("%+v: sample %q, want %q", c.a, got, c.want)
		}
	}
}

func TestThreeInARowBenchOnlyIfTheyAreDifferentRows(t *testing.T) {
	t.Parallel()
	row := func(n int64) reset.Ref { return reset.Ref{Campaign: "c", Row: n} }
	var s streak
	for range 5 {
		if s.note(reset.Misconfigured, row(1)) {
			t.Fatal("one row is enough")
		}
	}
	s.note(reset.Misconfigured, row(2))
	s.note(reset.Throttled, row(9)) // says nothing
	if !s.note(reset.Misconfigured, row(3)) {
		t.Error("three rows are not enough")
	}
	for _, o := range []reset.Outcome{reset.Accepted, reset.Refused, reset.Undeliverable, reset.UserLimited} {
		if s.note(o, row(4)) || s.note(reset.Misconfigured, row(5)) {
			t.Errorf("%v does not break the row", o)
		}
	}
}

func TestRowsAreReportedUntilADayAfterTheEnd(t *testing.T) {
	t.Parallel()
	m, now := NewMetrics(prometheus.NewRegistry(), "test"), time.Now()
	all := []campaign.Campaign{
		{ID: "old", State: campaign.Done, Ended: now.Add(-25 * time.Hour), Counts: campaign.Counts{Accepted: 9}},
		{ID: "new", State: campaign.Done, Ended: now.Add(-23 * time.Hour), Counts: campaign.Counts{Accepted: 5, InDoubt: 1, Parked: 2}},
	}
	for range 2 { // a second report replaces the first
		m.report("p", all, now)
	}
	want := `
# HELP rekey_campaign_state ` + mCampaign.Help + `
# TYPE rekey_campaign_state gauge
rekey_campaign_state{campaign="new",pool="p",state="done"} 1
# HELP rekey_rows ` + mRows.Help + `
# TYPE rekey_rows gauge
rekey_rows{campaign="new",pool="p",state="accepted"} 5
rekey_rows{campaign="new",pool="p",state="calling"} 0
rekey_rows{campaign="new",pool="p",state="dead"} 0
rekey_rows{campaign="new",pool="p",state="in_doubt"} 3
rekey_rows{campaign="new",pool="p",state="planned"} 0
rekey_rows{campaign="new",pool="p",state="skipped"} 0
rekey_rows{campaign="new",pool="p",state="waiting"} 0
`
	if err := testutil.CollectAndCompare(m.campaigns, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	m.forget("p")
	if n := testutil.CollectAndCount(m.campaigns); n != 0 {
		t.Errorf("%d series of a pool that another worker feeds", n)
	}
}

func TestQueuesAreCountedAsAsynqCountsThem(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	q := newQueues(rdb, poolName)
	c := campaign.Campaign{ID: "c", Generation: "g"}
	var items []item
	for row := range int64(40) {
		items = append(items, itemOf(c.Ref(row), row%4 == 0))
	}
	for round := range 2 {
		taken, err := q.enqueue(t.Context(), items)
		if err != nil || len(taken) != 40*round {
			t.Fatalf("round %d: %d ids were taken, %v", round, len(taken), err)
		}
	}
	later := asynq.NewTask(TaskType, encodePayload(c.Ref(99)))
	if _, err := q.client.Enqueue(later, append(taskOptions(Queue(poolName), "c#99"), asynq.ProcessIn(time.Hour))...); err != nil {
		t.Fatal(err)
	}
	urgent, other, err := q.lengths(t.Context(), time.Now())
	if err != nil || urgent != (length{due: 10, all: 10}) || other != (length{due: 30, all: 31}) {
		t.Errorf("%+v, %+v, %v", urgent, other, err)
	}
	info, err := asynq.NewInspectorFromRedisClient(rdb).GetQueueInfo(Queue(poolName))
	if err != nil || info.Size != other.all || info.Pending != other.due {
		t.Errorf("asynq says %+v, %v", info, err)
	}
	task, err := asynq.NewInspectorFromRedisClient(rdb).GetTaskInfo(Queue(poolName), "c#1")
	if err != nil || task.Timeout != 30*24*time.Hour || task.MaxRetry < 1<<30 || task.Retention != 0 {
		t.Errorf("task %+v, %v", task, err)
	}
	list, err := q.list(t.Context(), false, time.Now())
	if err != nil || len(list.live) != 31 || !list.live["c#99"] || !list.live["c#1"] || list.live["c#4"] {
		t.Errorf("%d live, %v", len(list.live), err)
	}
}

func TestAPanicEndsNoWorkerAndNoRow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&out, nil)), stop: newSignal()} // nothing else: it panics
	ref := reset.Ref{Campaign: "c", Generation: "g", Row: 5}
	err := s.ProcessTask(t.Context(), asynq.NewTask(TaskType, encodePayload(ref)))
	if wait := retryDelay(0, err, nil); err == nil || wait < poison {
		t.Errorf("it ends with %v and comes again in %v", err, wait)
	}
	if !strings.Contains(out.String(), "c#5") {
		t.Errorf("the log does not name the row: %s", &out)
	}
	if err := s.ProcessTask(t.Context(), asynq.NewTask("email:send", []byte("{}"))); err != nil {
		t.Errorf("a task that is not ours is kept: %v", err)
	}
}
