package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// session is a connection to the configuration's Redis.
type session struct {
	config *config.Config
	rdb    redis.UniversalClient
	keys   *roster.Keys
}

// target is a pool that a command works on.
type target struct {
	*campaign.Store
	rdb   redis.UniversalClient
	pool  config.Pool
	quota config.Quota
}

// session runs do with a connection. Every error of Redis is explained here.
func (p *program) session(ctx context.Context, do func(*session) error) error {
	cfg, err := p.Config()
	if err != nil {
		return err
	}
	keys, err := roster.NewKeys(cfg.KeySecrets()...)
	if err != nil {
		return cli.WithCode(cli.CodeUsage, err)
	}
	rdb, err := cli.OpenRedis(ctx, cfg.Redis)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }() // nothing is left to be sent
	return cli.Explain(cfg.Redis, whyNoKey(cfg, do(&session{cfg, rdb, keys})))
}

// whyNoKey says why a key is not there, if the file names keys that could not be
// read. Commands that need none go on without.
func whyNoKey(cfg *config.Config, err error) error {
	if errors.As(err, new(roster.ErrNoKey)) {
		return errors.Join(err, cfg.KeysUnread)
	}
	return err
}

func (s *session) open(ctx context.Context, pool config.Pool) (*target, error) {
	store, err := campaign.Open(ctx, s.rdb, campaign.Pool{
		Name: pool.Name, Hour: reset.Hour(pool.Hour), CaseSensitive: pool.CaseSensitive, Retention: pool.Retention, Keys: s.keys,
	})
	if err != nil {
		return nil, err
	}
	return &target{store, s.rdb, pool, s.config.QuotaOf(pool)}, nil
}

// at runs do on the pool of a campaign, which is found by the id.
func (p *program) at(ctx context.Context, id string, do func(*target) error) error {
	return p.session(ctx, func(s *session) error {
		name, err := campaign.PoolOf(ctx, s.rdb, id)
		if err != nil {
			return p.meant(ctx, s, err)
		}
		if p.pool != "" && p.pool != name {
			return cli.Usage("%w; that id belongs to pool %s", campaign.ErrUnknown{ID: id, Pool: p.pool}, name)
		}
		pool, err := cli.Pool(s.config, name)
		if err != nil {
			return cli.Usage("%s belongs to another pool: %w", id, err)
		}
		t, err := s.open(ctx, pool)
		if err != nil {
			return err
		}
		return do(t)
	})
}

// each runs do on the pool of --pool, or on every pool of the file.
func (p *program) each(ctx context.Context, do func(*target) error) error {
	return p.session(ctx, func(s *session) error {
		names := slices.Sorted(maps.Keys(s.config.Pools))
		if p.pool != "" {
			pool, err := cli.Pool(s.config, p.pool)
			if err != nil {
				return err
			}
			names = []string{pool.Name}
		}
		for _, name := range names {
			t, err := s.open(ctx, s.config.Pools[name])
			if err == nil {
				err = do(t)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// one runs do on the pool of --pool, which may be left out where there is one.
func (p *program) one(ctx context.Context, do func(*target) error) error {
	return p.session(ctx, func(s *session) error {
		pool, err := cli.Pool(s.config, p.pool)
		if err != nil {
			return err
		}
		t, err := s.open(ctx, pool)
		if err != nil {
			return err
		}
		return do(t)
	})
}
