package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/test/process"
)

const (
	sendSpeed  = "calls/s"
	sendMore   = "µs a call more than nothing"
	sendRedis  = "Redis, µs a call"
	sendWorker = "worker, µs a call"
	sendAsks   = "commands a call"

	// sendConcurrency is how many tasks are in hand at once, everywhere.
	sendConcurrency = 64
)

// way is how far Redis is, and what it keeps.
type way struct {
	name  string
	late  time.Duration
	redis []string
	tasks int // enough for the time of measuring
}

func ways() []way {
	return []way{
		{name: "0 ms", tasks: 120_000},
		{name: "0 ms, every write on disk", redis: rig.Durable(), tasks: 60_000},
		{name: "1 ms", late: time.Millisecond, tasks: 12_000},
		{name: "3 ms", late: 3 * time.Millisecond, tasks: 6_000},
	}
}

// does is one of the things that are compared on each way.
type does struct{ name, what string }

func compared() []does {
	return []does{
		{"asynq, does nothing", doNothing},
		{"asynq, waits in the bucket", doWait},
		{"asynq, marks and settles in the ledger", doMark},
		{"asynq, calls through the SDK", doCall},
		{"rekey's worker", ""},
	}
}

func (w way) row(d does) string { return w.name + ": " + d.name }

// sendSlow is what is known of the design where goals are missed.
const sendSlow = "a call needs its mark before it and its answer after it, each a script that keeps record, counters and lists right, and its username from the " +
	"roster; the feeder reads and enqueues meanwhile. That is for a row that is never forgotten and of a user who never holds two codes, " +
	"and no quota of AWS's is high enough for it to matter."

// send compares a worker without a quota with asynq's own ceiling.
func send() table {
	all := compared()
	sdk, rekey := all[len(all)-2], all[len(all)-1]
	t := table{
		name: "send", title: "calls without a quota",
		about: "One worker, 64 rows in hand, no quota, the twin answers at once. It is held against servers of asynq's whose handlers do one of the " +
			"things that a worker does, on a queue that is full when they begin; what each costs beside doing nothing shows where a worker's time goes. A worker " +
			"feeds its queue meanwhile, too. Milliseconds are what Redis's answers are late by, through a proxy; at 0 ms there is none.",
		columns: []column{
			{sendSpeed, count}, {sendMore, count}, {sendAsks, decimals(1, "")}, {sendRedis, count}, {sendWorker, count},
		},
		ratios: []ratio{
			{"calls, by doing nothing's", sendSpeed, ": " + all[0].name},
			{"calls, by the SDK's", sendSpeed, ": " + sdk.name},
		},
		measure: measureSend,
	}
	for _, w := range ways() {
		t.goals = append(t.goals, goal{
			what: w.name + ": rekey, by asynq's ceiling less the SDK's cost", want: "≥ 60 %",
			figure: quotient(sendSpeed, w.row(rekey), w.row(sdk)), show: percent, atLeast: 0.6, known: sendSlow,
		})
	}
	return t
}

func measureSend(ctx context.Context, s *rig.Stage) (r report, err error) {
	all := ways()
	if s.Short {
		all = []way{{name: all[0].name, tasks: 40_000}, {name: all[2].name, late: all[2].late, tasks: 4_000}} // one without and one with a proxy
	}
	for _, w := range all {
		for _, d := range compared() {
			s.Note("%s", w.row(d))
			if err := s.Sub(func(s *rig.Stage) error { return r.send(ctx, s, w, d) }); err != nil {
				return r, fmt.Errorf("%s: %w", w.row(d), err)
			}
		}
		r.excess(w)
	}
	return r, nil
}

// send measures one thing on one way.
func (r *report) send(ctx context.Context, s *rig.Stage, w way, d does) error {
	f, err := newField(ctx, s, field{
		users: w.tasks, late: w.late, redis: w.redis, pool: fmt.Sprintf("concurrency: %d, ", sendConcurrency),
	})
	if err != nil {
		return err
	}
	busy, err := f.employ(ctx, d.what)
	if err != nil {
		return err
	}
	figures, err := busy.rate(ctx, f, s.Size(3, 1))
	if err == nil {
		r.add(w.row(d), figures)
	}
	return err
}

// busy is a process at work, and how to tell how far it is.
type busy struct {
	process *process.Process
	done    func(context.Context) (float64, error)
}

// employ starts what is measured: a worker with a campaign, or a server of
// asynq's with a full queue.
func (f *field) employ(ctx context.Context, what string) (b busy, err error) {
	b.done = f.accepted
	if what == "" || what == doMark {
		if err := f.start(ctx, "bench"); err != nil {
			return b, err
		}
	}
	if what == "" {
		b.process, err = f.worker()
		return b, err
	}
	if what != doMark {
		b.done = f.processed
	}
	if err := fill(ctx, f.rdb, f.users); err != nil {
		return b, err
	}
	url := f.server.URL()
	if f.proxy != nil {
		url = f.proxy.URL()
	}
	cmd, err := part("asynq-serve", what, url, strconv.Itoa(sendConcurrency), f.cognito.Address)
	if err != nil {
		return b, err
	}
	b.process, err = f.s.GoCommand(cmd)
	return b, err
}

// accepted counts the campaign's rows that are.
func (f *field) accepted(ctx context.Context) (float64, error) {
	c, err := f.store.Campaign(ctx, "bench")
	return float64(c.Counts.Accepted), err
}

// processed counts the tasks that asynq is done with.
func (f *field) processed(ctx context.Context) (float64, error) {
	n, err := f.rdb.Get(ctx, "asynq:{"+asynqQueue+"}:processed").Float64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return n, err
}

// sight is how far everything is at one moment.
type sight struct {
	at            time.Time
	done, asked   float64
	redis, worker time.Duration
}

func (b busy) look(ctx context.Context, f *field) (s sight, err error) {
	if s.done, err = b.done(ctx); err != nil {
		return s, err
	}
	s.asked, err = info(ctx, f.rdb, "stats", "total_commands_processed")
	s.at = time.Now()
	s.redis, s.worker = rig.Busy(f.server.PID()), rig.Busy(b.process.PID())
	return s, err
}

// rate measures for so many seconds, from when the work has begun for one.
func (b busy) rate(ctx context.Context, f *field, seconds int) (map[string]float64, error) {
	if err := b.begun(ctx); err != nil {
		return nil, fmt.Errorf("%w; it said:\n%s", err, process.Tail(b.process.Said()))
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	from, err := b.look(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Duration(seconds)*time.Second); err != nil {
		return nil, err
	}
	to, err := b.look(ctx, f)
	if err != nil {
		return nil, err
	}
	n := to.done - from.done
	if n == 0 || to.done >= float64(f.users) {
		return nil, fmt.Errorf("%v of %d were done when the measuring began, and %v at its end: there was not enough to do", from.done, f.users, to.done)
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	return map[string]float64{
		sendSpeed: n / to.at.Sub(from.at).Seconds(), sendAsks: (to.asked - from.asked) / n,
		sendRedis: each(to.redis - from.redis), sendWorker: each(to.worker - from.worker),
	}, nil
}

// begun waits until something was done.
func (b busy) begun(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		n, err := b.done(ctx)
		if err != nil || n > 0 {
			return err
		}
		select {
		case <-b.process.Ended():
			return fmt.Errorf("it ended at once")
		default:
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// excess is what each thing costs beside doing nothing, in the time that passes.
func (r *report) excess(w way) {
	base, ok := r.get(w.row(compared()[0]), sendSpeed)
	for _, d := range compared()[1:] {
		if row, found := find(r.Rows, w.row(d)); ok && found {
			row.Figures[sendMore] = 1e6/row.Figures[sendSpeed] - 1e6/base
		}
	}
}
