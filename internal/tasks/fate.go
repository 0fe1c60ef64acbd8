package tasks

import (
	"errors"
	"math"
	"time"

	"github.com/hibiken/asynq"
)

// restInQueue is the longest wait that a task spends in asynq. A row that
// rests for longer is in the ledger's list of later rows, and its task ends.
// The ledger lists what is a minute ahead on Redis's clock; here the wait is by
// the worker's estimate of that clock, so there is a margin in which both have
// the row: twice is harmless, and in neither it would wait for the next walk.
const restInQueue = 90 * time.Second

// later steers the queue: it is no failure, the task comes again after wait.
// A handler returns it, or nil: what became of the row is in the ledger.
type later struct {
	wait time.Duration
	why  string
}

func (e *later) Error() string { return "later: " + e.why }

// errAgain sends a row back to the end of the worker's own line.
var errAgain = errors.New("stands in line again")

// rest is the fate of a task whose row may be called in wait.
func rest(wait time.Duration, why string) error {
	if wait > restInQueue {
		return nil
	}
	return &later{wait: max(wait, 0), why: why}
}

// retryDelay reads the wait from the error. asynq cuts the instant to a whole
// second, so one is added: a task that comes too early only goes round again.
// Any other error is the queue's own, such as a lease that expired: the ledger
// tells at once what is to be done.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var l *later
	if !errors.As(err, &l) || l.wait == 0 {
		return 0
	}
	return l.wait + time.Second
}

// isFailure: nothing that asynq sees is one. It would count towards MaxRetry,
// and attempts are the ledger's.
func isFailure(error) bool { return false }

// taskOptions are every task's. Without a timeout asynq would cancel a handler
// that waits for half an hour.
func taskOptions(queue, id string) []asynq.Option {
	return []asynq.Option{
		asynq.Queue(queue), asynq.TaskID(id),
		asynq.MaxRetry(math.MaxInt32), asynq.Timeout(30 * 24 * time.Hour),
	}
}
