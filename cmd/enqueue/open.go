package main

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// target is where campaigns go: a pool and its Redis.
type target struct {
	config *config.Config
	pool   config.Pool
	keys   *roster.Keys
	rdb    redis.UniversalClient
	store  *campaign.Store
}

// configured finds the pool, without a connection.
func (c *command) configured() (*target, error) {
	cfg, err := c.Config()
	if err != nil {
		return nil, err
	}
	pool, err := cli.Pool(cfg, c.pool)
	if err != nil {
		return nil, err
	}
	// Without a key that is meant to seal, the list would be in clear.
	if cfg.KeysUnread != nil {
		return nil, cli.WithCode(cli.CodeUsage, cfg.KeysUnread)
	}
	keys, err := roster.NewKeys(cfg.KeySecrets()...)
	return &target{config: cfg, pool: pool, keys: keys}, cli.WithCode(cli.CodeUsage, err)
}

// open connects.
func (t *target) open(ctx context.Context) error {
	rdb, err := cli.OpenRedis(ctx, t.config.Redis)
	if err != nil {
		return err
	}
	t.rdb = rdb
	t.store, err = campaign.Open(ctx, rdb, campaign.Pool{
		Name: t.pool.Name, Hour: reset.Hour(t.pool.Hour),
		CaseSensitive: t.pool.CaseSensitive, Retention: t.pool.Retention, Keys: t.keys,
	})
	return t.explain(err)
}

func (t *target) close() {
	if t.rdb != nil {
		_ = t.rdb.Close() // nothing is left to be sent
	}
}

func (t *target) explain(err error) error { return cli.Explain(t.config.Redis, err) }

// defaults are the parameters that flags give to every row.
func (c *command) defaults() (reset.Request, error) {
	req := reset.Request{
		AnalyticsEndpointID: reset.Hide(c.analytics),
		UserContext:         reset.UserContext{IPAddress: reset.Hide(c.ip), EncodedData: reset.Hide(c.encodedData)},
	}
	for _, pair := range c.metadata {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return req, cli.Usage("--client-metadata must be KEY=VALUE")
		}
		if _, twice := req.ClientMetadata[k]; twice {
			return req, cli.Usage("--client-metadata has the key %q twice", k)
		}
		if req.ClientMetadata == nil {
			req.ClientMetadata = map[string]reset.Personal{}
		}
		req.ClientMetadata[k] = reset.Hide(v)
	}
	return req, nil
}

// again replaces what an interruption looks like.
func again(err error, text string) error {
	if err == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return cli.WithCode(cli.CodeInterrupted, errors.New(text))
}
