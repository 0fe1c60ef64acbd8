package tasks

import (
	"context"
	"sync/atomic"
	"time"
)

// clockEvery is how often the difference is measured. It only saves tokens:
// whether a row's time has come Begin decides, on Redis's own clock.
const clockEvery = 5 * time.Second

// clock tells Redis's time, as far as the last measurement knows: this
// worker's own may be minutes off.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// measure asks once. Half of the round trip is taken for the way back.
func (c *clock) measure(ctx context.Context, ask func(context.Context) (time.Time, error)) error {
	before := time.Now()
	there, err := ask(ctx)
	if err != nil {
		return err
	}
	took := time.Since(before)
	c.ahead.Store(int64(there.Sub(before.Add(took / 2))))
	return nil
}

func (c *clock) run(ctx context.Context, ask func(context.Context) (time.Time, error)) {
	every(ctx, clockEvery, func() { _ = c.measure(ctx, ask) }) // the last measurement stands
}

// every calls f until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}
