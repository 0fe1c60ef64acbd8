package tasks

import (
	"sync"

	"github.com/rekeyhq/rekey/internal/reset"
)

// benchAfter is how many different rows in a row fail as misconfigured before
// this worker stops serving the pool.
const benchAfter = 3

// streak watches for a worker that is set up wrongly while the others are
// right: an old client id in its own file. Three in a row of the whole fleet
// halt the pool; so three in a row here, without a halt, mean that others
// succeeded in between, and that the fault is this worker's.
type streak struct {
	mu   sync.Mutex
	rows map[reset.Ref]struct{}
}

// note takes an outcome in, and says whether the streak is long enough.
func (s *streak) note(o reset.Outcome, ref reset.Ref) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o { //exhaustive:enforce
	case reset.Throttled, reset.QuotaSpent, reset.Unavailable, reset.Unanswered, reset.NotSent:
		// They say nothing about the pool's settings.
	case reset.Accepted, reset.Refused, reset.Undeliverable, reset.UserLimited:
		s.rows = nil
	case reset.Misconfigured:
		if s.rows == nil {
			s.rows = map[reset.Ref]struct{}{}
		}
		s.rows[ref] = struct{}{}
	}
	return len(s.rows) >= benchAfter
}

func (s *streak) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = nil
}
