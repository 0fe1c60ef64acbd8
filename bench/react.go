package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/test/process"
)

const (
	reactTime  = "time"
	reactAfter = "calls after it"
	reactCalls = "calls until then"
	reactLost  = "calls too few"
	reactLow   = "lowest second"

	// reactRate is one at which a moment's delay is some calls.
	reactRate = 300
)

func pauseRow(workers int) string {
	return fmt.Sprintf("campaign pause, %d at work: returned", workers)
}

func haltRow(rate, workers int) string {
	return fmt.Sprintf("a wrong client id, %d/s, %d at work: halted", rate, workers)
}

const killRow = "kill -9 of one of two: the full rate again"

// What is known of the design where goals are missed.
const (
	reactSlow = "the time is that of a whole process: it starts, reads its configuration, connects to Redis, pauses the campaign, and asks for the calls " +
		"in flight."
	reactLate = "a call that had its mark before the pause may still be on its way to the twin when the command has returned."
)

// react is how long it takes until what is asked for, or what must happen, has.
func react() table {
	t := table{
		name: "react", title: "from a deed to its effect",
		about: fmt.Sprintf("The twin answers after 100 ms. *Pause*: at %d/s, of a campaign of a million rows; the time is that of the command, from its start "+
			"to its end, and calls after it are those that reach the twin later. *A wrong client id*: from the first call to the halt. *kill -9* of the worker "+
			"that feeds, at %[1]d/s: until a second with 95 %% of the rate begins, after which there is none with less; the calls that are too few are those of the ten seconds "+
			"after it.", reactRate),
		columns: []column{{reactTime, seconds}, {reactAfter, count}, {reactCalls, count}, {reactLow, count}, {reactLost, count}},
		worst:   map[string]pick{reactAfter: highest, reactLost: highest, reactLow: lowest},
		measure: measureReact,
	}
	for _, workers := range []int{1, 4} {
		t.goals = append(t.goals,
			goal{what: pauseRow(workers), want: "≤ 100 ms", figure: cell(pauseRow(workers), reactTime), show: seconds, atMost: 0.1, known: reactSlow},
			goal{what: pauseRow(workers) + ", calls after it", want: "none", figure: cell(pauseRow(workers), reactAfter), show: count, atMost: 0.5, known: reactLate})
	}
	return t
}

func measureReact(ctx context.Context, s *rig.Stage) (r report, err error) {
	type act struct {
		row string
		do  func(context.Context, *rig.Stage) (map[string]float64, error)
	}
	var acts []act
	for _, workers := range []int{1, 4} {
		acts = append(acts, act{pauseRow(workers), func(ctx context.Context, s *rig.Stage) (map[string]float64, error) {
			return paused(ctx, s, workers)
		}})
	}
	for _, w := range []struct{ rate, workers int }{{17, 1}, {reactRate, 4}} {
		acts = append(acts, act{haltRow(w.rate, w.workers), func(ctx context.Context, s *rig.Stage) (map[string]float64, error) {
			return halted(ctx, s, w.rate, w.workers)
		}})
	}
	acts = append(acts, act{killRow, killed})
	for _, a := range acts {
		s.Note("%s", a.row)
		var figures map[string]float64
		err := s.Sub(func(s *rig.Stage) (err error) {
			figures, err = a.do(ctx, s)
			return err
		})
		if err != nil {
			return r, fmt.Errorf("%s: %w", a.row, err)
		}
		if math.IsInf(figures[reactTime], 1) {
			r.note("%s: in run %d it was not, for as long as was looked.", a.row, s.Nth+1)
		}
		r.add(a.row, figures)
	}
	return r, nil
}

// late are the arguments of a twin that takes its time.
func late(more ...string) []string { return append([]string{"--latency", "100ms"}, more...) }

// atWork has so many workers send a campaign, and returns when the first call
// has been made.
func atWork(ctx context.Context, s *rig.Stage, f field, workers int) (*field, []*process.Process, error) {
	made, err := newField(ctx, s, f)
	if err != nil {
		return nil, nil, err
	}
	if err := made.start(ctx, "bench"); err != nil {
		return nil, nil, err
	}
	var all []*process.Process
	for range workers {
		w, err := made.worker()
		if err != nil {
			return nil, nil, err
		}
		all = append(all, w)
	}
	return made, all, made.cognito.Called(ctx)
}

// paused pauses a campaign in full swing.
func paused(ctx context.Context, s *rig.Stage, workers int) (map[string]float64, error) {
	f, _, err := atWork(ctx, s, field{users: s.Size(1_000_000, 20_000), twin: late(), rate: reactRate}, workers)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, limitWarm); err != nil {
		return nil, err
	}
	ran, err := s.Run(ctx, f.direct, "campaign", "pause", "bench")
	if err != nil {
		return nil, err
	}
	returned := time.Now()
	if err := pause(ctx, 2*time.Second); err != nil {
		return nil, err
	}
	calls, err := f.cognito.Journal()
	if err != nil {
		return nil, err
	}
	at := instants(calls)
	if within(at, returned.Add(-time.Second), returned) == 0 {
		return nil, fmt.Errorf("there was nothing to pause: no call in the second before")
	}
	return map[string]float64{reactTime: ran.Took.Seconds(), reactAfter: within(at, returned, time.Now())}, nil
}

// halted has workers call with a client id that the pool does not know.
func halted(ctx context.Context, s *rig.Stage, rate, workers int) (map[string]float64, error) {
	users := s.Size(1_000_000, 20_000)
	f, _, err := atWork(ctx, s, field{users: users, twin: late("--client-id", "another"), rate: float64(rate)}, workers)
	if err != nil {
		return nil, err
	}
	if _, err := f.until(ctx, "bench", func(c campaign.Campaign) bool { return c.State == campaign.Halted }); err != nil {
		return nil, err
	}
	then := time.Now()
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	calls, err := f.cognito.Journal()
	if err != nil {
		return nil, err
	}
	at := instants(calls)
	return map[string]float64{
		reactTime: then.Sub(at[0]).Seconds(), reactCalls: within(at, at[0], then), reactAfter: within(at, then, time.Now()),
	}, nil
}

// killed kills the worker that feeds, while another one works beside it.
func killed(ctx context.Context, s *rig.Stage) (map[string]float64, error) {
	long := time.Duration(s.Size(15, 12)) * time.Second
	f, workers, err := atWork(ctx, s, field{users: 100 * reactRate, twin: late(), rate: reactRate}, 2)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, 2*limitWarm); err != nil {
		return nil, err
	}
	feeder, err := f.feeder(ctx, workers)
	if err != nil {
		return nil, err
	}
	then := time.Now()
	feeder.Kill()
	if err := pause(ctx, long); err != nil {
		return nil, err
	}
	calls, err := f.cognito.Journal()
	if err != nil {
		return nil, err
	}
	at := instants(calls)
	low, full := recovery(at, then, long)
	return map[string]float64{
		reactTime: full, reactLow: low, reactLost: max(0, 10*reactRate-within(at, then, then.Add(10*time.Second))),
	}, nil
}

// feeder is the worker that holds the feeder's lease, which has its process in
// its name.
func (f *field) feeder(ctx context.Context, workers []*process.Process) (*process.Process, error) {
	holder, err := f.rdb.Get(ctx, "rekey:{bench}:feeder").Result()
	if err != nil {
		return nil, fmt.Errorf("the feeder's lease: %w", err)
	}
	for _, w := range workers {
		if strings.Contains(holder, "-"+strconv.Itoa(w.PID())+"-") {
			return w, nil
		}
	}
	return nil, fmt.Errorf("the feeder's lease is %q's, which is none of the workers", holder)
}

// recovery looks at every second that begins within so long after an instant:
// how many calls the lowest one has, and how long after it the last one begins
// that has less than 95 % of the rate, in seconds. If that is the very last one
// there has been no recovery: that has no end.
func recovery(at []time.Time, then time.Time, long time.Duration) (low, full float64) {
	const step = 10 * time.Millisecond
	low = reactRate
	for after := time.Duration(0); after+time.Second <= long; after += step {
		n := within(at, then.Add(after), then.Add(after+time.Second))
		low = min(low, n)
		if n < 0.95*reactRate {
			full = (after + step).Seconds()
		}
	}
	if full > (long - time.Second).Seconds() {
		full = math.Inf(1)
	}
	return low, full
}
