package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/bench/internal/rig"
)

const (
	limitCalls  = "calls/s"
	limitUsed   = "of the rate used"
	limitSecond = "worst second"
	limitBound  = "goal"
	limitTenth  = "worst 100 ms"
	limitAsks   = "commands a call"

	// limitBurst is the default of rekey.yaml.
	limitBurst = 2
)

// pace is a rate that is to be kept.
type pace struct {
	rate    int
	seconds int // of measuring
	// hands are the tasks that a peer has in hand: what the rate needs at 100 ms
	// a call, and some more, since each that waits for a token asks for one.
	// rekey has its default where that is more.
	hands int
}

// paces are those that may be kept at the same time, since the machine has
// hardly anything to do then, and those that are kept one after the other.
func paces(short bool) [][]pace {
	if short {
		return [][]pace{{{rate: 17, seconds: 2, hands: 10}, {rate: 300, seconds: 2, hands: 64}}}
	}
	return [][]pace{
		{{rate: 17, seconds: 15, hands: 10}, {rate: 30, seconds: 15, hands: 10}},
		{{rate: 300, seconds: 10, hands: 64}},
		{{rate: 3000, seconds: 5, hands: 512}},
	}
}

// limitedBy is who keeps a rate.
type limitedBy struct {
	name  string
	start func(ctx context.Context, f *field, k keeping) error
	peer  bool
	// alone: it is busy at any rate, so each row has the machine for itself.
	alone bool
}

const (
	limitRekey     = "rekey"
	limitRedisRate = "asynq, redis_rate in the handler"
)

func limitedByAll() []limitedBy {
	return []limitedBy{
		{limitRekey, rekeyKeeps, false, false},
		{"asynq, an error where there is no token", asynqKeeps("error"), true, true},
		{limitRedisRate, asynqKeeps("redis_rate"), true, false},
		{"BullMQ's limiter", bullKeeps, true, false},
	}
}

// keeping is one row: who keeps which rate, with how many workers.
type keeping struct {
	by      limitedBy
	pace    pace
	workers int
}

func (k keeping) row() string { return limitRow(k.pace.rate, k.workers, k.by.name) }

func limitRow(rate, workers int, by string) string {
	if workers == 1 {
		return fmt.Sprintf("%s/s, 1 worker: %s", count(float64(rate)), by)
	}
	return fmt.Sprintf("%s/s, %d workers: %s", count(float64(rate)), workers, by)
}

// limitMost is how many calls the goal has in a second.
func limitMost(rate int) float64 { return 1.05*float64(rate) + limitBurst }

// What is known of the design where goals are missed.
const (
	limitUnused  = "a token is for an instant, and lost when it is not used within a quarter of a second of it."
	limitCrowded = "the bound is the one for the tokens' instants. A call that is held up after it has its token leaves beside the next ones, by a quarter of a " +
		"second at most: 1.3 × the rate and the burst may leave in a second. At 300/s the bucket hands out the tokens of 50 ms at once, each for an instant of its own."
)

// limiter is how exactly a rate is kept, and what that costs.
func limiter() table {
	t := table{
		name: "limiter", title: "keeping a rate",
		about: "More rows than can be called, workers that are processes, and a twin that answers after 100 ms and counts. The worst second is the one with the most " +
			"calls, wherever it begins, from the very first call on. All may have two calls at once. asynq with an error is what its wiki advises: x/time/rate in " +
			"each process, which has its part of the rate, and a task without a token is tried again after up to ten seconds. redis_rate is one limiter for all; a " +
			"handler waits for as long as it says and asks again. BullMQ's has the rate for each second. Commands are those that scripts give, too. " +
			"Peers were measured in the first run alone.",
		columns: []column{
			{limitCalls, decimals(1, "")}, {limitUsed, percent}, {limitSecond, count}, {limitBound, decimals(1, "")}, {limitTenth, count}, {limitAsks, decimals(1, "")},
		},
		ratios:  []ratio{{"commands, by redis_rate's", limitAsks, ": " + limitRedisRate}},
		worst:   map[string]pick{limitSecond: highest, limitTenth: highest},
		measure: measureLimiter,
	}
	for _, rate := range []int{17, 30, 300} {
		for _, workers := range []int{1, 4} {
			row := limitRow(rate, workers, limitRekey)
			t.goals = append(t.goals,
				goal{what: row + ": used", want: "≥ 99 %", figure: cell(row, limitUsed), show: percent, atLeast: 0.99, known: limitUnused},
				goal{what: row + ": worst second", want: fmt.Sprintf("≤ %g", limitMost(rate)), figure: cell(row, limitSecond), show: count, atMost: limitMost(rate), known: limitCrowded})
		}
	}
	return t
}

func measureLimiter(ctx context.Context, s *rig.Stage) (r report, err error) {
	for _, together := range paces(s.Short) {
		for _, by := range limitedByAll() {
			if by.peer && s.Nth > 0 {
				continue
			}
			if err := r.keepAll(ctx, s, keepings(by, together)); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func keepings(by limitedBy, paces []pace) []keeping {
	var all []keeping
	for _, p := range paces {
		all = append(all, keeping{by, p, 1}, keeping{by, p, 4})
	}
	return all
}

// limitAlone is the rate from which all rows have the machine for themselves.
const limitAlone = 1000

// keepAll measures rows at the same time, or one after the other.
func (r *report) keepAll(ctx context.Context, s *rig.Stage, all []keeping) error {
	kept := make([]map[string]float64, len(all))
	errs := make([]error, len(all))
	group, ctx := errgroup.WithContext(ctx)
	if all[0].by.alone && !s.Short || all[0].pace.rate >= limitAlone {
		group.SetLimit(1)
	}
	for i, k := range all {
		group.Go(func() error {
			s.Note("%s", k.row())
			errs[i] = s.Sub(func(s *rig.Stage) (err error) {
				kept[i], err = k.measure(ctx, s)
				return err
			})
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	for i, k := range all {
		if errs[i] == nil {
			r.add(k.row(), kept[i])
		} else if err := r.absent(k.row(), errs[i]); err != nil {
			return fmt.Errorf("%s: %w", k.row(), err)
		}
	}
	return nil
}

// limitWarm is how long a row runs before it is measured.
const limitWarm = 2 * time.Second

func (k keeping) measure(ctx context.Context, s *rig.Stage) (map[string]float64, error) {
	f, err := newField(ctx, s, field{
		users: s.Size(20_000, 5_000) + k.pace.rate*(k.pace.seconds+10), twin: []string{"--latency", "100ms"}, rate: float64(k.pace.rate),
		pool: fmt.Sprintf("concurrency: %d, ", max(64, k.pace.hands)),
	})
	if err != nil {
		return nil, err
	}
	if err := k.by.start(ctx, f, k); err != nil {
		return nil, err
	}
	if err := f.cognito.Called(ctx); err != nil {
		return nil, err
	}
	return k.watch(ctx, f, time.Duration(k.pace.seconds)*time.Second)
}

func (k keeping) watch(ctx context.Context, f *field, long time.Duration) (map[string]float64, error) {
	if err := pause(ctx, limitWarm); err != nil {
		return nil, err
	}
	from, asked, err := f.asked(ctx)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, long); err != nil {
		return nil, err
	}
	to, askedThen, err := f.asked(ctx)
	if err != nil {
		return nil, err
	}
	calls, err := f.cognito.Journal()
	if err != nil {
		return nil, err
	}
	if len(calls) >= f.users {
		return nil, fmt.Errorf("all %d users were called before the end", f.users)
	}
	return k.figures(instants(calls), from, to, askedThen-asked), nil
}

func (k keeping) figures(at []time.Time, from, to time.Time, asked float64) map[string]float64 {
	n := within(at, from, to)
	perSecond := n / to.Sub(from).Seconds()
	figures := map[string]float64{
		limitCalls: perSecond, limitUsed: perSecond / float64(k.pace.rate), limitBound: limitMost(k.pace.rate),
		limitSecond: most(at, time.Second), limitTenth: most(at, 100*time.Millisecond),
	}
	if n > 0 {
		figures[limitAsks] = asked / n
	}
	return figures
}

// asked is how many commands Redis has had by now.
func (f *field) asked(ctx context.Context) (time.Time, float64, error) {
	n, err := info(ctx, f.rdb, "stats", "total_commands_processed")
	return time.Now(), n, err
}
