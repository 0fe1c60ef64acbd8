package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// An id's claim says which pool has it, for all pools of a Redis. It lies in
// another slot than the campaign, so no script can hold both; the order must do:
//
//	load:    claim, make the campaign, claim again
//	delete:  mark the campaign as deleting, empty it, drop the claim, unmake it
//
// A crash between two steps leaves a claim without a campaign, which the same
// pool's next load takes for its own and a deletion removes, or a campaign that
// is loading or deleting, which both go on with. Never a campaign without a
// claim: a load that begins just as a deletion ends claims again when its
// campaign is there, and finds out if another pool was faster.
//
// A claim is the pool's name and a nonce, so that a deletion that was stopped
// half-way and wakes up drops the claim that it saw, and no later one.

// claim makes sure that the id is this pool's.
func (s *Store) claim(ctx context.Context, id string) error {
	err := s.rdb.HSetNX(ctx, idsKey, id, s.pool.Name+" "+rand.Text()).Err()
	if err != nil {
		return fmt.Errorf("claim the id %s: %w", id, err)
	}
	held, err := s.claimed(ctx, id)
	if err != nil {
		return err
	}
	if pool := poolOfClaim(held); pool != s.pool.Name {
		return ErrTaken{ID: id, Pool: pool}
	}
	return nil
}

// claimed returns the id's claim, or "".
func (s *Store) claimed(ctx context.Context, id string) (string, error) {
	v, err := s.rdb.HGet(ctx, idsKey, id).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("who has the id %s: %w", id, err)
	}
	return v, nil
}

// unclaim drops the claim if it is still the one that was seen, and this pool's.
func (s *Store) unclaim(ctx context.Context, id, seen string) (dropped bool, err error) {
	if poolOfClaim(seen) != s.pool.Name {
		return false, nil
	}
	n, err := s.run(ctx, "unclaim", []string{idsKey}, id, seen).Int()
	if err != nil {
		return false, fmt.Errorf("free the id %s: %w", id, err)
	}
	return n == 1, nil
}

func poolOfClaim(claim string) string {
	pool, _, _ := strings.Cut(claim, " ")
	return pool
}

// PoolOf returns the pool that a campaign's id belongs to, or [ErrUnknown].
func PoolOf(ctx context.Context, rdb redis.UniversalClient, id string) (string, error) {
	claim, err := rdb.HGet(ctx, idsKey, id).Result()
	switch {
	case err == nil:
		return poolOfClaim(claim), nil
	case !errors.Is(err, redis.Nil):
		return "", fmt.Errorf("the pool of campaign %s: %w", id, err)
	}
	// A standing campaign has its pool in its id and needs no claim.
	pool, ok := intakePool(id)
	if !ok {
		return "", ErrUnknown{ID: id}
	}
	n, err := rdb.Exists(ctx, keysOf(pool).campaign(id)).Result()
	if err != nil {
		return "", fmt.Errorf("the pool of campaign %s: %w", id, err)
	}
	if n == 0 {
		return "", ErrUnknown{ID: id}
	}
	return pool, nil
}
