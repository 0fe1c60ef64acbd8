package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

// asynqQueue is where the tasks are that rekey is compared with.
const asynqQueue = "default"

// fill enqueues tasks whose payloads are the numbers from 0.
func fill(ctx context.Context, rdb *redis.Client, tasks int) error {
	client := asynq.NewClientFromRedisClient(rdb)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for i := range tasks {
		group.Go(func() error {
			_, err := client.EnqueueContext(ctx, asynq.NewTask("bench", strconv.AppendInt(nil, int64(i), 10)))
			return err
		})
	}
	return group.Wait()
}

// asynqServe is a part: a server of asynq's whose handler does one of the
// things that rekey's does. Arguments: what, URL of Redis, concurrency, twin.
func asynqServe(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("what, Redis, concurrency and the twin are needed")
	}
	o, err := redis.ParseURL(args[1])
	if err != nil {
		return err
	}
	concurrency, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	o.PoolSize = 2 * concurrency
	rdb := redis.NewClient(o)
	handle, err := handlerOf(ctx, args[0], rdb, args[3])
	if err != nil {
		return err
	}
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Concurrency: concurrency, LogLevel: asynq.WarnLevel, TaskCheckInterval: 100 * time.Millisecond})
	if err := server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		n, err := strconv.ParseInt(string(t.Payload()), 10, 64)
		if err != nil {
			return err
		}
		return handle(ctx, n)
	})); err != nil {
		return err
	}
	<-ctx.Done() // it is killed
	return nil
}

// handler does a task of that number.
type handler func(ctx context.Context, n int64) error

// The things that a handler can do.
const (
	doNothing  = "nothing"
	doWait     = "bucket"
	doMark     = "ledger"
	doCall     = "sdk"
	benchQuota = "bench"
)

func handlerOf(ctx context.Context, what string, rdb *redis.Client, twin string) (handler, error) {
	switch what {
	case doNothing:
		return func(context.Context, int64) error { return nil }, nil
	case doWait:
		return waits(ctx, rdb), nil
	case doMark:
		return marksRows(ctx, rdb)
	case doCall:
		return calls(twin)
	}
	return nil, fmt.Errorf("%q is nothing that a handler does", what)
}

// waits has the handler stand in line for a token.
func waits(ctx context.Context, rdb *redis.Client) handler {
	quota := ratelimit.Quota{Name: benchQuota, Limit: rig.NoQuota, Share: 1, Burst: 1000}
	bucket := ratelimit.New(rdb, quota, ratelimit.Options{Worker: "bench", Log: slog.New(slog.DiscardHandler)})
	go func() { _ = bucket.Run(ctx) }() // ends with the process
	return func(ctx context.Context, _ int64) error {
		_, err := bucket.Wait(ctx, "bench", false)
		return err
	}
}

// marksRows has the handler do all that rekey asks of the ledger for a call, on
// the campaign "bench".
func marksRows(ctx context.Context, rdb *redis.Client) (handler, error) {
	store, err := campaign.Open(ctx, rdb, campaign.Pool{Name: "bench", Hour: reset.Hour(time.Hour)})
	if err != nil {
		return nil, err
	}
	c, err := store.Campaign(ctx, "bench")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, n int64) error { return markRow(ctx, store, c.Ref(n)) }, nil
}

func markRow(ctx context.Context, store *campaign.Store, ref reset.Ref) error {
	if _, err := store.Record(ctx, ref); err != nil {
		return err
	}
	row, err := store.Request(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := store.Alive(ctx, row.Request.Username); err != nil {
		return err
	}
	mark := campaign.Mark{Ref: ref, Token: rand.Text(), Username: row.Request.Username, NotAfter: time.Now().Add(time.Minute)}
	begun, err := store.Begin(ctx, mark)
	if err != nil || begun.Answer != campaign.AnswerGo {
		return errors.Join(err, fmt.Errorf("begin: %s", begun.Answer))
	}
	_, err = store.Settle(ctx, mark, campaign.Verdict{Outcome: reset.Accepted, State: campaign.Accepted, Medium: reset.Email})
	return err
}

// calls has the handler make rekey's call through AWS's SDK.
func calls(twin string) (handler, error) {
	client, err := cognito.New(cognito.Config{Region: "eu-west-1", ClientID: "rekeytwin", Endpoint: "http://" + twin})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, n int64) error {
		if err := client.Dial(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		req := reset.Request{Username: reset.Hide(fmt.Sprintf("user%06d", n))}
		_, err := client.ForgotPassword(ctx, req, time.Now().Add(time.Minute))
		return err
	}, nil
}
