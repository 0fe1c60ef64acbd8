// Load measures what it costs to put a list of users into Redis: rekey's roster
// against asynq's client, which enqueues a task a user. Both read the same CSV
// and write to a fresh redis-server each, in one run on one machine.
//
//	go run ./bench/load --users 1000000
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// figure is one measured line.
type figure struct {
	what   string
	took   time.Duration
	memory int64 // in Redis, bytes; 0 where nothing is stored
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	users := flags.Int("users", 1_000_000, "users in the file")
	clients := flags.Int("goroutines", 64, "goroutines that enqueue with asynq's client")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rekey-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := bench{users: *users, goroutines: *clients, file: filepath.Join(dir, "users.csv")}
	if err := b.write(); err != nil {
		return err
	}
	for _, part := range []func(context.Context, *redis.Client) error{b.rekey, b.asynq} {
		if err := alone(ctx, part); err != nil {
			return err
		}
	}
	return b.print(stdout)
}

// alone gives a part a Redis of its own.
func alone(ctx context.Context, part func(context.Context, *redis.Client) error) error {
	server, err := embedredis.Start(ctx, embedredis.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	if !server.Real() {
		return fmt.Errorf("this needs %s on PATH: the one in memory says nothing about memory", embedredis.Program)
	}
	rdb := redis.NewClient(server.Options())
	defer func() { _ = rdb.Close() }()
	return part(ctx, rdb)
}

type bench struct {
	users, goroutines int
	file              string
	figures           []figure
}

func (b *bench) write() error {
	f, err := os.Create(b.file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	_, _ = fmt.Fprintln(w, "email,name")
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	for i := range b.users {
		// Drawn at random, since what repeats compresses far better than real
		// addresses do; the number makes each one its own.
		_, _ = fmt.Fprintf(w, "%s.%s%s%s%d@%s,x\n", pick(given), pick(syllables), pick(syllables), pick(syllables),
			i*2654435761%10_000_019, pick(domains))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

var (
	given     = strings.Fields("anna ben clara david emma felix greta hugo ida jonas karla leon mia noah olga paul rosa simon tina uwe vera willi")
	syllables = strings.Fields("ad ler be cker con rad diet rich en gel fi scher graf hu ber jung kel ler lan ge mai er neu mann ot to pe ters rich ter schmi dt vo gel we ber zieg ler sen ova ski dot ti mor ak kov ic an der ssen o'neil")
	domains   = strings.Fields("example.com example.com example.com example.org example.net mail.example.com post.example.de users.example.co.uk")
)

// measure takes the time of f, and what Redis has grown by.
func (b *bench) measure(ctx context.Context, rdb *redis.Client, what string, f func() error) error {
	before, err := used(ctx, rdb)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	took := time.Since(start)
	after, err := used(ctx, rdb)
	b.figures = append(b.figures, figure{what: what, took: took, memory: after - before})
	return err
}

func used(ctx context.Context, rdb *redis.Client) (int64, error) {
	info, err := rdb.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	number, _, _ := strings.Cut(rest, "\r")
	return strconv.ParseInt(number, 10, 64)
}

func (b *bench) rekey(ctx context.Context, rdb *redis.Client) error {
	store, err := campaign.Open(ctx, rdb, campaign.Pool{Name: "bench", Hour: reset.Hour(time.Hour)})
	if err != nil {
		return err
	}
	const id = "bench"
	load := func() error {
		f, err := os.Open(b.file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		r, err := roster.NewReader(f, roster.Options{})
		if err != nil {
			return err
		}
		_, err = store.Load(ctx, campaign.Spec{ID: id}, r)
		return err
	}
	if err := b.measure(ctx, rdb, "rekey: load", load); err != nil {
		return err
	}
	c, err := store.Campaign(ctx, id)
	if err != nil {
		return err
	}
	if c.Plan.Users != int64(b.users) {
		return fmt.Errorf("the plan is %+v, want %d users", c.Plan, b.users)
	}
	if err := b.measure(ctx, rdb, "rekey: load again", load); err != nil {
		return err
	}
	return b.measure(ctx, rdb, "rekey: report", func() error { return report(ctx, store, c) })
}

func report(ctx context.Context, store *campaign.Store, c campaign.Campaign) error {
	n := int64(0)
	for _, err := range store.Rows(ctx, c, campaign.Filter{}) {
		if err != nil {
			return err
		}
		n++
	}
	if n != c.Total {
		return fmt.Errorf("%d rows, want %d", n, c.Total)
	}
	return nil
}

func (b *bench) asynq(ctx context.Context, rdb *redis.Client) error {
	client := asynq.NewClientFromRedisClient(rdb)
	what := fmt.Sprintf("asynq: enqueue, %d goroutines", b.goroutines)
	return b.measure(ctx, rdb, what, func() error {
		f, err := os.Open(b.file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		return enqueue(ctx, client, csv.NewReader(bufio.NewReader(f)), b.goroutines)
	})
}

func enqueue(ctx context.Context, client *asynq.Client, file *csv.Reader, goroutines int) error {
	names := make(chan string, goroutines)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(names)
		for first := true; ; first = false {
			record, err := file.Read()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if first {
				continue // the header
			}
			select {
			case names <- record[0]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	for range goroutines {
		group.Go(func() error {
			for name := range names {
				task := asynq.NewTask("cognito:forgot_password", []byte(`{"username":"`+name+`"}`))
				if _, err := client.EnqueueContext(ctx, task); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (b *bench) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "%d users\ttime\tusers/s\tMB in Redis\tbytes/user\t\n", b.users)
	for _, f := range b.figures {
		_, _ = fmt.Fprintf(t, "%s\t%.2f s\t%.0f\t%.1f\t%.1f\t\n", f.what, f.took.Seconds(),
			float64(b.users)/f.took.Seconds(), float64(f.memory)/1e6, float64(f.memory)/float64(b.users))
	}
	first, last := b.figures[0], b.figures[len(b.figures)-1]
	_, _ = fmt.Fprintf(t, "asynq / rekey\t%.0f ×\t\t%.0f ×\t\t\n", last.took.Seconds()/first.took.Seconds(), float64(last.memory)/float64(first.memory))
	return t.Flush()
}
