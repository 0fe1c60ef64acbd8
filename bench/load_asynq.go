package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"
)

// asynqLoad is a part: it enqueues a task for each user of a file, as a program
// would that has asynq and no more. Arguments: socket, file, goroutines.
func asynqLoad(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("socket, file and goroutines are needed")
	}
	goroutines, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	f, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	client := asynq.NewClient(asynq.RedisClientOpt{Network: "unix", Addr: args[0], PoolSize: goroutines})
	defer func() { _ = client.Close() }()
	return enqueue(ctx, client, csv.NewReader(bufio.NewReader(f)), goroutines)
}

func enqueue(ctx context.Context, client *asynq.Client, file *csv.Reader, goroutines int) error {
	names := make(chan string, goroutines)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(names)
		return usernames(ctx, file, names)
	})
	for range goroutines {
		group.Go(func() error {
			for name := range names {
				task := asynq.NewTask("cognito:forgot_password", fmt.Appendf(nil, "{%q:%q}", "username", name))
				if _, err := client.EnqueueContext(ctx, task); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// usernames reads the first column, without its header.
func usernames(ctx context.Context, file *csv.Reader, to chan<- string) error {
	file.ReuseRecord = true
	if _, err := file.Read(); err != nil {
		return err
	}
	for {
		record, err := file.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case to <- record[0]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
