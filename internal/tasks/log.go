package tasks

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// In a storm every call has something to say. So many lines a second tell what
// is going on; the ledger and the metrics have the rest.
const (
	linesPerSecond = 10
	linesAtOnce    = 50
)

// bounded is a log whose lines are limited. The next line that comes through
// says how many were left out. Errors have an allowance of their own: what calls
// for somebody must not drown in what does not.
type bounded struct {
	slog.Handler
	*allowances
}

type allowances struct {
	news, errors *rate.Limiter
	leftOut      atomic.Int64
}

func newBounded(log *slog.Logger) *slog.Logger {
	return slog.New(bounded{log.Handler(), &allowances{
		news:   rate.NewLimiter(linesPerSecond, linesAtOnce),
		errors: rate.NewLimiter(linesPerSecond, linesAtOnce),
	}})
}

func (a *allowances) allow(l slog.Level) bool {
	if l >= slog.LevelError {
		return a.errors.Allow()
	}
	return a.news.Allow()
}

// Handle implements [slog.Handler].
func (b bounded) Handle(ctx context.Context, r slog.Record) error {
	if !b.allow(r.Level) {
		b.leftOut.Add(1)
		return nil
	}
	if n := b.leftOut.Swap(0); n > 0 {
		r.AddAttrs(slog.Int64("lines_left_out", n))
	}
	return b.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (b bounded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bounded{b.Handler.WithAttrs(attrs), b.allowances}
}

// WithGroup implements [slog.Handler].
func (b bounded) WithGroup(name string) slog.Handler {
	return bounded{b.Handler.WithGroup(name), b.allowances}
}

// queueLog passes asynq's own lines on. Its news are our debugging: it reports
// every start and end of its parts.
type queueLog struct{ *slog.Logger }

func (l queueLog) Debug(...any)      {}
func (l queueLog) Info(args ...any)  { l.Logger.Debug("asynq", "says", fmt.Sprint(args...)) }
func (l queueLog) Warn(args ...any)  { l.Logger.Warn("asynq", "says", fmt.Sprint(args...)) }
func (l queueLog) Error(args ...any) { l.Logger.Error("asynq", "says", fmt.Sprint(args...)) }
func (l queueLog) Fatal(args ...any) { l.Logger.Error("asynq", "says", fmt.Sprint(args...)) }
