package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/bench/internal/rig"
)

const (
	usersOthers    = "others' calls/s"
	usersThrottled = "of them throttled"
	usersCalls     = "calls/s accepted"
	usersUsed      = "of the rest used"
	usersStep      = "of the new rest, 10 s after"
	usersOwn       = "own throttled"

	// usersQuota is AWS's, in calls a second.
	usersQuota = 30
	// usersDefault is what rekey uses of it by default.
	usersDefault = 17.1
	// usersBurst is how many may come at once: the quota is one of calls a second.
	usersBurst = 30

	usersNobody = "nobody beside them"
	usersRekey  = "rekey, may use all"
	usersUsual  = "rekey, as configured by default"
	usersFixed  = "asynq, 17.1/s fixed"
)

// crowd is what the others do. Times are in seconds of a full run.
type crowd struct {
	name  string
	rate  float64 // at first
	steps []step
	// settled is when the last step is ten seconds old; 0 without one.
	settled int
}

type step struct {
	at   int
	rate float64
}

const (
	crowdWarm = 15 // seconds that are not measured
	crowdEnds = 60
)

func crowds() []crowd {
	return []crowd{
		{name: "nobody else"},
		{name: "10/s", rate: 10},
		{name: "25/s", rate: 25},
		{name: "10/s, 40/s for 15 s, 10/s", rate: 10, steps: []step{{20, 40}, {35, 10}}, settled: 45},
		{name: "25/s, then 10/s", rate: 25, steps: []step{{35, 10}}, settled: 45},
		{name: "10/s, then 25/s", rate: 10, steps: []step{{35, 25}}, settled: 45},
	}
}

// fits: on average there is room for all of them beside the rate by default.
func (c crowd) fits() bool { return len(c.steps) == 0 && c.rate+usersDefault <= usersQuota }

// flag is the crowd as the twin has it.
func (c crowd) flag(second time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%g", c.rate)
	for _, s := range c.steps {
		fmt.Fprintf(&b, ",%s:%g", time.Duration(s.at)*second, s.rate)
	}
	return b.String()
}

// beside is who shares the quota with a crowd.
type beside struct {
	name  string
	quota string // of rekey.yaml
	start func(ctx context.Context, f *field) error
}

func besides() []beside {
	return []beside{
		{usersNobody, "limit: 30", nil},
		{usersRekey, "limit: 30, share: 1, echo: 0", oneWorker},
		{usersUsual, "limit: 30", oneWorker},
		{usersFixed, "limit: 30", fixedRate},
	}
}

func oneWorker(ctx context.Context, f *field) error {
	if err := f.start(ctx, "bench"); err != nil {
		return err
	}
	_, err := f.worker()
	return err
}

func fixedRate(ctx context.Context, f *field) error {
	if err := fill(ctx, f.rdb, f.users); err != nil {
		return err
	}
	cmd, err := f.s.Peer(ctx, "limited", "wait", f.server.URL(), f.cognito.Address, fmt.Sprint(usersDefault), "1", "64")
	if err != nil {
		return err
	}
	_, err = f.s.GoCommand(cmd)
	return err
}

func (c crowd) row(b beside) string { return c.name + ": " + b.name }

// What is known of the design where goals are missed.
const (
	usersBlind = "AWS tells nobody what others use: that the room has ended is told by a throttle alone, and that there is more only by trying. The rate " +
		"follows within seconds, while others come by chance, now more and now fewer."
	usersChance = "the rate by default leaves room for as many on average. They come by chance, and a second may have more of them."
)

// users is what a campaign does to people who want to log in meanwhile.
func users() table {
	t := table{
		name: "users", title: "beside live users, on the same quota",
		about: fmt.Sprintf("The twin allows %d calls a second, and %d at once. Other people's calls are on it, by chance, at the rate in the row's name; those that find nothing left are "+
			"throttled, and some would be without anybody else: goals count what is throttled beyond that, of the very same calls. The rest is what they leave of each second. asynq has x/time/rate and calls at the rate that rekey would have by "+
			"default, and comes back to what was throttled as asynq does. %d seconds, without the first %d; all rows at the same time, each with a Redis and a twin of its own.",
			usersQuota, usersBurst, crowdEnds-crowdWarm, crowdWarm),
		columns: []column{
			{usersOthers, decimals(1, "")}, {usersThrottled, percent}, {usersCalls, decimals(1, "")}, {usersUsed, percent}, {usersStep, percent}, {usersOwn, percent},
		},
		ratios:  []ratio{{"calls, by asynq's", usersCalls, ": " + usersFixed}},
		measure: measureUsers,
	}
	all := besides()
	for _, c := range crowds() {
		row, usual, alone := c.row(all[1]), c.row(all[2]), c.row(all[0])
		throttled := func(row, known string) goal {
			return goal{what: row + ": throttled, more than with nobody", want: "< 1 %", figure: moreThrottled(row, alone), show: percent, atMost: 0.01, known: known}
		}
		if c.rate > 0 { // else there is nobody to be throttled
			t.goals = append(t.goals, throttled(row, usersBlind))
		}
		if c.rate > 0 && c.fits() {
			t.goals = append(t.goals, throttled(usual, usersChance))
		}
		t.goals = append(t.goals, goal{what: row + ": of the rest used", want: "≥ 90 %", figure: cell(row, usersUsed), show: percent, atLeast: 0.9, known: usersBlind})
		if c.settled > 0 {
			t.goals = append(t.goals, goal{what: row + ": off the new rest, 10 s after", want: "≤ 10 %", figure: off(row), show: percent, atMost: 0.1, known: usersBlind})
		}
	}
	return t
}

func moreThrottled(row, alone string) func(*report) (float64, bool) {
	return func(r *report) (float64, bool) {
		v, ok1 := r.get(row, usersThrottled)
		base, ok2 := r.get(alone, usersThrottled)
		return v - base, ok1 && ok2
	}
}

func off(row string) func(*report) (float64, bool) {
	return func(r *report) (float64, bool) {
		v, ok := r.get(row, usersStep)
		return math.Abs(v - 1), ok
	}
}

func measureUsers(ctx context.Context, s *rig.Stage) (r report, err error) {
	second := time.Second
	if s.Short {
		second = 100 * time.Millisecond
	}
	var all []shared
	for _, c := range crowds() {
		for _, b := range besides() {
			all = append(all, shared{crowd: c, beside: b, second: second})
		}
	}
	s.Note("%d rows at the same time, %s", len(all), crowdEnds*second)
	group, ctx := errgroup.WithContext(ctx)
	for i := range all {
		group.Go(func() error {
			all[i].err = s.Sub(func(s *rig.Stage) error { return all[i].measure(ctx, s) })
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	for _, one := range all {
		if one.err == nil {
			r.add(one.row(one.beside), one.figures)
		} else if err := r.absent(one.row(one.beside), one.err); err != nil {
			return r, fmt.Errorf("%s: %w", one.row(one.beside), err)
		}
	}
	return r, nil
}
