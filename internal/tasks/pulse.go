package tasks

import (
	"context"
	"time"
)

const (
	pulseEvery    = time.Second
	presenceEvery = 5 * time.Second
)

// pulse looks at the bucket once a second, for the feeder and for the metrics,
// and says that this worker is there.
func (s *Server) pulse(ctx context.Context) {
	var present time.Time
	beat := func() {
		s.metrics.breakerOpen(s.name, s.breaker.Open())
		s.lookAtBucket(ctx)
		if time.Since(present) >= presenceEvery && s.stop.ctx.Err() == nil {
			present = time.Now()
			if err := s.pool.Store.Presence(ctx, s.opts.Worker, s.opts.Info); err != nil {
				s.log.Debug("presence", "err", err)
			}
		}
	}
	beat()
	every(ctx, pulseEvery, beat)
}

// lookAtBucket keeps a copy of the bucket's state; none, while Redis does not
// tell, keeps the feeder from feeding.
func (s *Server) lookAtBucket(ctx context.Context) {
	state, err := s.pool.Bucket.State(ctx)
	if err != nil {
		s.bucket.Store(nil)
		return
	}
	s.bucket.Store(&state)
	s.metrics.rate.WithLabelValues(s.pool.Quota).Set(state.Allowed)
}
