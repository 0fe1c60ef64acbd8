// Command river puts a job for each user of a file into PostgreSQL, as a program
// would that has River and no more.
//
//	river migrate DATABASE
//	river load DATABASE FILE
//	river size DATABASE       bytes of the jobs and their indexes
//
// It promises River's own fastest way in, and River's own tables. Its weak spot:
// it works no job, so it compares a load and its size and nothing else.
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("a command and a database are needed")
	}
	pool, err := pgxpool.New(ctx, args[1])
	if err != nil {
		return err
	}
	defer pool.Close()
	switch {
	case args[0] == "migrate":
		return migrate(ctx, pool)
	case args[0] == "size":
		return size(ctx, pool)
	case args[0] == "load" && len(args) == 3:
		return load(ctx, pool, args[2])
	}
	return errors.New("write migrate DATABASE, load DATABASE FILE, or size DATABASE")
}

func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func size(ctx context.Context, pool *pgxpool.Pool) error {
	var bytes int64
	if err := pool.QueryRow(ctx, "SELECT pg_total_relation_size('river_job')").Scan(&bytes); err != nil {
		return err
	}
	_, err := fmt.Println(bytes)
	return err
}

// forgot is a job's arguments.
type forgot struct {
	Username string `json:"username"`
}

// Kind is [river.JobArgs]'s.
func (forgot) Kind() string { return "forgot_password" }

// batch is how many jobs are in one COPY.
const batch = 10_000

func load(ctx context.Context, pool *pgxpool.Pool, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	read := batches(csv.NewReader(bufio.NewReader(f)), func(jobs []river.InsertManyParams) {
		group.Go(func() error { return insert(ctx, client, jobs) })
	})
	return errors.Join(group.Wait(), read)
}

func insert(ctx context.Context, client *river.Client[pgx.Tx], jobs []river.InsertManyParams) error {
	n, err := client.InsertManyFast(ctx, jobs)
	if err == nil && n != len(jobs) {
		err = fmt.Errorf("%d of %d jobs were inserted", n, len(jobs))
	}
	return err
}

// batches reads the first column, without its header.
func batches(file *csv.Reader, put func([]river.InsertManyParams)) error {
	file.ReuseRecord = true
	if _, err := file.Read(); err != nil {
		return err
	}
	jobs := make([]river.InsertManyParams, 0, batch)
	for {
		record, err := file.Read()
		if errors.Is(err, io.EOF) {
			if len(jobs) > 0 {
				put(jobs)
			}
			return nil
		}
		if err != nil {
			return err
		}
		jobs = append(jobs, river.InsertManyParams{Args: forgot{record[0]}})
		if len(jobs) == batch {
			put(jobs)
			jobs = make([]river.InsertManyParams, 0, batch)
		}
	}
}
