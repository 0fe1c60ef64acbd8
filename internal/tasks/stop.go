package tasks

import (
	"context"
	"errors"
)

var (
	errStopping   = errors.New("the worker is stopping")
	errNotRunning = errors.New("the campaign is not running")
)

// signal is raised once. Handlers that wait look at it; calls that are marked do not.
//
// It is not the context that asynq hands to handlers: asynq takes the task away
// from a handler whose context ends, frees its slot and does not wait for it,
// and a call in flight would be cut off when the process exits.
type signal struct {
	ctx   context.Context
	raise context.CancelCauseFunc
}

func newSignal() signal {
	ctx, cancel := context.WithCancelCause(context.Background())
	return signal{ctx, cancel}
}

// or returns ctx, ended also by any of the signals, with their cause.
func or(ctx context.Context, signals ...context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stops := make([]func() bool, 0, len(signals))
	for _, s := range signals {
		stops = append(stops, context.AfterFunc(s, func() { cancel(context.Cause(s)) }))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(context.Canceled)
	}
}
