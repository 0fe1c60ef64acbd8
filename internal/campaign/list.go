package campaign

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// ErrDamagedCampaign says that a campaign itself cannot be read. Nothing of it
// is called; others are not touched.
type ErrDamagedCampaign struct {
	ID string
	// Key is the campaign's in Redis.
	Key string
	Err error
}

// Error implements error.
func (e ErrDamagedCampaign) Error() string {
	return fmt.Sprintf("campaign %s cannot be read and is passed over, %s is damaged: %v; restore that key from a backup of Redis, or, if the campaign is of no more use, remove it:  campaign delete %s",
		e.ID, e.Key, e.Err, e.ID)
}

// Unwrap returns the error underneath.
func (e ErrDamagedCampaign) Unwrap() error { return e.Err }

// Campaign returns a campaign of the pool, [ErrUnknown], or [ErrDamagedCampaign].
func (s *Store) Campaign(ctx context.Context, id string) (Campaign, error) {
	all, err := s.campaigns(ctx, []string{id})
	switch {
	case errors.As(err, new(ErrDamagedCampaign)):
		return Campaign{}, err
	case err != nil:
		return Campaign{}, fmt.Errorf("campaign %s: %w", id, err)
	case len(all) == 0:
		return Campaign{}, ErrUnknown{ID: id, Pool: s.pool.Name}
	}
	return all[0], nil
}

// Look returns a pool's campaigns, the youngest first, for those who only look:
// a completion, a guess. Unlike [Open] it leaves nothing in Redis, and says
// nothing of campaigns that are damaged.
func Look(ctx context.Context, rdb redis.UniversalClient, pool string) ([]Campaign, error) {
	s := &Store{rdb: rdb, pool: Pool{Name: pool}, keys: keysOf(pool)}
	return s.readable(ctx)
}

// readable returns the campaigns that can be read.
func (s *Store) readable(ctx context.Context) ([]Campaign, error) {
	all, err := s.Campaigns(ctx)
	if errors.As(err, new(ErrDamagedCampaign)) {
		return all, nil
	}
	return all, err
}

// Campaigns returns the pool's campaigns, the youngest first. With
// [ErrDamagedCampaign], which names those that cannot be read, the others are good.
func (s *Store) Campaigns(ctx context.Context) ([]Campaign, error) {
	ids, err := s.rdb.ZRevRange(ctx, s.keys.campaigns(), 0, -1).Result()
	var all []Campaign
	if err == nil {
		all, err = s.campaigns(ctx, ids)
	}
	if err == nil || errors.As(err, new(ErrDamagedCampaign)) {
		return all, err
	}
	return nil, fmt.Errorf("campaigns of pool %s: %w", s.pool.Name, err)
}

// campaigns reads those that exist, and the pool's halt with them.
func (s *Store) campaigns(ctx context.Context, ids []string) ([]Campaign, error) {
	hashes := make([]*redis.MapStringStringCmd, len(ids))
	var halt *redis.MapStringStringCmd
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its own error
		halt = p.HGetAll(ctx, s.keys.halt())
		for i, id := range ids {
			hashes[i] = p.HGetAll(ctx, s.keys.campaign(id))
		}
		return nil
	})
	if err := halt.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.keys.halt(), err)
	}
	all, damages := make([]Campaign, 0, len(ids)), []error(nil)
	for i, id := range ids {
		c, err := s.read(id, hashes[i])
		switch {
		case errors.As(err, new(ErrDamagedCampaign)):
			damages = append(damages, err)
		case err != nil:
			return nil, err
		case c.ID != "":
			all = append(all, c.under(halt.Val()))
		}
	}
	return all, errors.Join(damages...)
}

// read reads one campaign; the zero one is none.
func (s *Store) read(id string, cmd *redis.MapStringStringCmd) (c Campaign, err error) {
	hash, err := cmd.Result()
	if err != nil && !keysOwn(err) {
		return Campaign{}, err
	}
	if err == nil && len(hash) > 0 {
		c, err = parseCampaign(s.pool.Name, id, hash)
	}
	if err != nil {
		return Campaign{}, ErrDamagedCampaign{ID: id, Key: s.keys.campaign(id), Err: err}
	}
	return c, nil
}

// under is the campaign as it shows under the pool's halt, if that stands.
func (c Campaign) under(halt map[string]string) Campaign {
	if len(halt) == 0 || c.State != Running {
		return c
	}
	c.State, c.Plan.State, c.PoolHalted = Halted, Halted, true
	c.Reason, c.Next = halt["reason"], halt["next"]
	return c
}
