package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
)

const (
	pulseEvery    = time.Second
	presenceEvery = 5 * time.Second
)

// pulse looks at the bucket once a second, for the feeder and for the metrics,
// and says that this worker is there.
func (s *Server) pulse(ctx context.Context) {
	s.metrics.expect(s.name)
	var present time.Time
	written := true
	beat := func() {
		s.metrics.breaker.WithLabelValues(s.name).Set(oneIf(s.breaker.Open()))
		s.metrics.serving.WithLabelValues(s.name).Set(oneIf(s.Ready() == nil))
		if time.Since(present) >= presenceEvery && s.stop.ctx.Err() == nil {
			present = time.Now()
			written = s.bePresent(ctx)
		}
		s.metrics.redis.WithLabelValues(s.name).Set(oneIf(s.lookAtBucket(ctx) && written))
		s.lookForKeys(ctx)
	}
	beat()
	every(ctx, pulseEvery, beat)
}

// bePresent says that this worker is there and counts who else is. It is what
// a Redis that is full or read-only refuses, though it can be read.
func (s *Server) bePresent(ctx context.Context) (written bool) {
	w := campaign.Worker{Name: s.opts.Worker, Info: s.opts.Info}
	if s.paused.other.Load() {
		w.Paused = Queue(s.name)
	}
	if s.paused.urgent.Load() {
		w.UrgentPaused = UrgentQueue(s.name)
	}
	if left := s.aside.left(); left > 0 {
		w.Away = s.clock.now().Add(left)
	}
	if err := s.pool.Store.Presence(ctx, w); err != nil {
		s.log.Debug("presence", "err", err)
		s.metrics.workers.DeleteLabelValues(s.name)
		return false
	}
	if all, err := s.pool.Store.Workers(ctx); err == nil {
		s.metrics.workers.WithLabelValues(s.name).Set(float64(len(all)))
		s.aside.with(all, s.clock.now())
	}
	return true
}

// lookAtBucket keeps a copy of the bucket's state; none, while Redis does not
// tell, keeps the feeder from feeding.
func (s *Server) lookAtBucket(ctx context.Context) (told bool) {
	state, err := s.pool.Bucket.State(ctx)
	s.sayBucket(err)
	if err != nil {
		s.bucket.Store(nil)
		s.metrics.bucket(s.name, s.pool.Bucket.Quota(), nil)
		return false
	}
	s.bucket.Store(&state)
	s.metrics.bucket(s.name, s.pool.Bucket.Quota(), &state)
	s.metrics.limited(s.name, s.aside.limiter(s.name, state))
	return true
}

// sayBucket tells the log once that the bucket cannot be read, and that it can
// be again. That Redis is away the line says that waits for tokens.
func (s *Server) sayBucket(err error) {
	now := ""
	if err != nil && !outage(err) && !errors.Is(err, context.Canceled) {
		now = err.Error()
	}
	was := s.bucketFault.Swap(&now)
	switch {
	case was != nil && *was == now, was == nil && now == "":
	case now != "":
		s.log.Error("the bucket cannot be read; nothing is fed", "err", err)
	case err == nil:
		s.log.Info("the bucket can be read again")
	}
}
