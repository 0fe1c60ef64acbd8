package tasks

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

var errAside = errors.New("this worker's network is gone")

// aside is where a worker stands whose own network is gone, as far as its
// breaker can tell. What it has in hand goes back to the queue and it takes
// nothing new: in its hands rows would wait for up to five minutes, a single
// reset too, while the other workers could call.
type aside struct {
	mu    sync.Mutex
	until time.Time
	here  context.Context // ended by standing aside
	leave context.CancelCauseFunc
	// back is when the first worker tries again, on Redis's clock, while all of
	// them stand aside.
	back time.Time
	// low: the rate was set to a tenth for this worker's return, and no call of
	// its has come through since.
	low       bool
	unreached unreached
}

func newAside() *aside {
	a := &aside{}
	a.here, a.leave = context.WithCancelCause(context.Background())
	return a
}

func (a *aside) stand(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until, a.low = time.Now().Add(d), false
	a.leave(errAside)
}

func (a *aside) any() bool {
	return a.left() > 0
}

// left is how much longer the worker stands aside.
func (a *aside) left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(0, time.Until(a.until))
}

// with takes note of who else stands aside.
func (a *aside) with(workers []campaign.Worker, now time.Time) {
	n, back := campaign.Away(workers, now)
	if n < len(workers) {
		back = time.Time{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.back = back
}

// limiter says what limits the pool's calls. The bucket does not know of workers
// that ask it for nothing: where all of them stand aside that comes before what
// it says, as in  campaign show.
func (a *aside) limiter(pool string, s ratelimit.State) ratelimit.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.Now.Before(a.back) {
		return ratelimit.LimitedByConnection
	}
	return s.Limiter(pool)
}

// line returns a context that ends when the worker stands aside, and whether
// the caller is the first after it did.
func (a *aside) line() (here context.Context, back bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.here.Err() != nil && !time.Now().Before(a.until) {
		a.here, a.leave = context.WithCancelCause(context.Background())
		back = true
	}
	return a.here, back
}

// returned asks for a careful start if nobody else could call either.
func (s *Server) returned() {
	ctx, cancel := context.WithTimeout(s.stop.ctx, settleTry)
	defer cancel()
	low, err := s.pool.Bucket.Returned(ctx)
	switch {
	case err != nil:
		s.log.Warn("whether others could call is not known", "err", err)
	case low:
		s.aside.startLow()
	}
}

func (a *aside) startLow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.low = true
}

// startsLow reports, to the first who may call after the return, whether the rate
// starts low. Until then the outage may last, and the low rate be over before it.
func (a *aside) startsLow() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	low := a.low
	a.low = false
	return low
}
