package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// shared is one row: a crowd, and who is beside it.
type shared struct {
	crowd
	beside
	second time.Duration // how long one of the crowd's is

	figures map[string]float64
	err     error
}

// row is the crowd's: both it and beside have a name.
func (s *shared) measure(ctx context.Context, stage *rig.Stage) error {
	f, err := newField(ctx, stage, field{
		users: 2 * usersQuota * crowdEnds, quota: s.quota,
		// The same others in every row of a run, so that rows can be subtracted, and
		// new ones in each run.
		twin: late("--seed", fmt.Sprint(stage.Nth), "--quota", fmt.Sprint(usersQuota), "--burst", fmt.Sprint(usersBurst), "--others", s.flag(s.second)),
	})
	if err != nil {
		return err
	}
	if s.start != nil {
		if err := s.start(ctx, f); err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Until(s.at(f, crowdEnds))); err != nil {
		return err
	}
	others, err := f.cognito.Others(ctx)
	if err != nil {
		return err
	}
	var calls []cognitosim.Entry
	if s.start != nil { // else there is no journal
		if calls, err = f.cognito.Journal(); err != nil {
			return err
		}
		if err := s.began(stage, f, calls); err != nil {
			return err
		}
	}
	s.figures = shareFigures(others, calls, s.at(f, crowdWarm), s.at(f, crowdEnds))
	if s.settled > 0 {
		after := shareFigures(others, calls, s.at(f, s.settled), s.at(f, crowdEnds))
		if v, ok := after[usersUsed]; ok {
			s.figures[usersStep] = v
		}
	}
	return nil
}

// began is an error where nobody called before the measuring began: rates are
// of its whole length. In a short run they say nothing anyway.
func (s *shared) began(stage *rig.Stage, f *field, calls []cognitosim.Entry) error {
	if !stage.Short && (len(calls) == 0 || calls[0].At.After(s.at(f, crowdWarm))) {
		return fmt.Errorf("the first call came after the %d seconds that are not measured: is the machine busy?", crowdWarm)
	}
	return nil
}

// at is when a second of the crowd's is.
func (s *shared) at(f *field, second int) time.Time {
	return f.cognito.Began.Add(time.Duration(second) * s.second)
}

// shareFigures looks at the whole seconds of the clock between two instants.
func shareFigures(others []cognitosim.OthersInSecond, calls []cognitosim.Entry, from, to time.Time) map[string]float64 {
	first, end := from.Add(time.Second-1).Unix(), to.Unix()
	theirs := map[int64]cognitosim.Count{}
	var sum cognitosim.Count
	for _, o := range others {
		if o.Second >= first && o.Second < end {
			theirs[o.Second] = o.Count
			sum.Calls += o.Calls
			sum.Throttled += o.Throttled
		}
	}
	rest := 0
	for second := first; second < end; second++ {
		rest += max(0, usersQuota-theirs[second].Calls)
	}
	accepted, throttled := 0, 0
	for _, c := range calls {
		switch at := c.At.Unix(); {
		case at < first || at >= end:
		case c.Answer == cognitosim.OK:
			accepted++
		default:
			throttled++
		}
	}
	long := float64(end - first)
	figures := map[string]float64{usersOthers: float64(sum.Calls) / long}
	share := func(head string, part, whole int) {
		if whole > 0 {
			figures[head] = float64(part) / float64(whole)
		}
	}
	share(usersThrottled, sum.Throttled, sum.Calls)
	if len(calls) > 0 {
		figures[usersCalls] = float64(accepted) / long
		share(usersUsed, accepted, rest)
		share(usersOwn, throttled, accepted+throttled)
	}
	return figures
}
