package scripttest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// tool is a program for scripts alone.
func tool(do func(context.Context, []string) error) func() {
	return func() {
		if err := do(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func open() (redis.UniversalClient, error) {
	r, err := config.ParseRedis(os.Getenv("REKEY_REDIS"))
	if err != nil {
		return nil, err
	}
	return cli.NewRedis(r), nil
}

// store opens pool prod of the script's Redis.
func store(ctx context.Context) (*campaign.Store, error) {
	rdb, err := open()
	if err != nil {
		return nil, err
	}
	return campaign.Open(ctx, rdb, campaign.Pool{Name: "prod", Hour: reset.Hour(time.Hour), Retention: 720 * time.Hour})
}

// redisCommand prints what a command of Redis answers:
//
//	redis KEYS *
func redisCommand(ctx context.Context, args []string) error {
	rdb, err := open()
	if err != nil {
		return err
	}
	words := make([]any, len(args))
	for i, a := range args {
		words[i] = a
	}
	answer, err := rdb.Do(ctx, words...).Result()
	if err != nil {
		return err
	}
	_, err = fmt.Println(answer)
	return err
}

// present makes a worker serve the pool, one that reaches Cognito or not:
//
//	present NAME [away]
func present(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	w := campaign.Worker{Name: args[0]}
	if len(args) > 1 {
		w.Away = time.Now().Add(time.Hour)
	}
	return s.Presence(ctx, w)
}

// load loads a file as enqueue does:
//
//	load CAMPAIGN FILE [PRIORITY]
func load(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	f, err := os.Open(args[1])
	if err != nil {
		return err
	}
	r, err := roster.NewReader(f, roster.Options{})
	if err != nil {
		return err
	}
	spec := campaign.Spec{ID: args[0], File: args[1]}
	if len(args) > 2 {
		spec.Priority = campaign.Priority(args[2])
	}
	_, err = s.Load(ctx, spec, r)
	return err
}

// pause pauses a campaign:
//
//	pause CAMPAIGN REASON
func pause(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	c, err := find(ctx, s, args[0])
	if err != nil {
		return err
	}
	_, err = s.Pause(ctx, c.ID, args[1])
	return err
}

// find returns a campaign; "intake" is the day's standing one, whatever the day.
func find(ctx context.Context, s *campaign.Store, id string) (campaign.Campaign, error) {
	if id != "intake" {
		return s.Campaign(ctx, id)
	}
	all, err := s.Campaigns(ctx)
	if err != nil || len(all) == 0 {
		return campaign.Campaign{}, errors.Join(err, errors.New("no standing campaign"))
	}
	return all[0], nil
}

// gz compresses a file:
//
//	gz FROM TO
func gz(_ context.Context, args []string) error {
	from, err := os.Open(args[0])
	if err != nil {
		return err
	}
	to, err := os.Create(args[1])
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	_, err = io.Copy(z, from)
	return errors.Join(err, z.Close(), to.Close())
}
