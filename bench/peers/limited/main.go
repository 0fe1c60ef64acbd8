// Command limited is asynq under a limit of calls a second, in the ways that
// people give it one. Its tasks are numbers, and each is one user of the twin.
//
//	limited error|wait|redis_rate REDIS TWIN RATE WORKERS CONCURRENCY
//
// error is what asynq's wiki advises: golang.org/x/time/rate in each process, an
// error where there is no token, no failure, and up to ten seconds until it is
// tried again. wait has the handler stand in that limiter's line instead. Of
// both each process has its part of the rate. redis_rate asks the limiter of
// that name, which is the same for all.
//
// It promises that all ways get the same tasks, twin and rate. Its weak
// spot: it keeps no record of a call, so it says nothing of what a record costs.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// burst is how many calls may be made at once, as in rekey's bucket.
const burst = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "limited:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, args []string) error {
	if len(args) != 6 {
		return errors.New("how, Redis, the twin, a rate, workers and concurrency are needed")
	}
	concurrency, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	options, err := redis.ParseURL(args[1])
	if err != nil {
		return err
	}
	options.PoolSize = 2 * concurrency
	rdb := redis.NewClient(options)
	limit, err := limitOf(args[0], rdb, args[3], args[4])
	if err != nil {
		return err
	}
	call := newCaller(args[2], concurrency)
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: concurrency, LogLevel: asynq.FatalLevel, RetryDelayFunc: retryDelay,
		IsFailure: func(err error) bool { return !errors.As(err, new(*limitedError)) },
	})
	if err := server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		if err := limit(ctx); err != nil {
			return err
		}
		return call.forgot(ctx, t.Payload())
	})); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// limit returns when a call may be made, or with an error.
type limit func(context.Context) error

func limitOf(how string, rdb *redis.Client, perSecond, workers string) (limit, error) {
	r, err := strconv.ParseFloat(perSecond, 64)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseFloat(workers, 64)
	if err != nil {
		return nil, err
	}
	local := rate.NewLimiter(rate.Limit(r/n), burst)
	switch how {
	case "error":
		return func(context.Context) error { return orError(local) }, nil
	case "wait":
		return local.Wait, nil
	case "redis_rate":
		return asks(redis_rate.NewLimiter(rdb), int(r)), nil
	}
	return nil, fmt.Errorf("%q is no way to limit", how)
}

// limitedError says that there was no token.
type limitedError struct{ retryIn time.Duration }

func (e *limitedError) Error() string { return fmt.Sprintf("limited, again in %s", e.retryIn) }

func orError(l *rate.Limiter) error {
	if l.Allow() {
		return nil
	}
	return &limitedError{retryIn: time.Duration(rand.IntN(10)) * time.Second}
}

func retryDelay(n int, err error, t *asynq.Task) time.Duration {
	var limited *limitedError
	if errors.As(err, &limited) {
		return limited.retryIn
	}
	return asynq.DefaultRetryDelayFunc(n, err, t)
}

// asks waits as long as the limiter says, and asks again.
func asks(l *redis_rate.Limiter, perSecond int) limit {
	allow := redis_rate.Limit{Rate: perSecond, Burst: burst, Period: time.Second}
	return func(ctx context.Context) error {
		for {
			answer, err := l.Allow(ctx, "bench", allow)
			if err != nil || answer.Allowed > 0 {
				return err
			}
			select {
			case <-time.After(answer.RetryAfter):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}
