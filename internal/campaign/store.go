// Package campaign keeps campaigns in Redis: who is to be reset (the roster),
// and what became of each row (the ledger).
//
// It promises that no username of a pool holds two live codes, whatever is
// killed, delivered twice or answered late, and that at every instant the
// counters of a campaign add up to its total. Every decision is one script on
// Redis's own clock, and every script may be repeated.
//
// Its weak spot is a Redis that loses writes which it acknowledged: with the
// marks of calls the first promise is lost for the calls of that moment.
package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// Pool is what the ledger needs to know of a pool.
type Pool struct {
	// Name is the pool's name in rekey.yaml and the hash tag of its keys.
	Name string
	// Hour is how long Cognito's hour lasts for it.
	Hour reset.Hour
	// CaseSensitive says how the pool compares usernames.
	CaseSensitive bool
	// Retention is how long a done campaign keeps its roster.
	Retention time.Duration
	// WaitReplicas is how many replicas must have a mark before Begin says go.
	WaitReplicas int
	// Keys seal and open its rosters. With none of them rosters are in clear.
	Keys *roster.Keys
}

// liveKeyBytes is the length of the secret under which usernames are hashed.
const liveKeyBytes = 32

// Store holds the campaigns of one pool. It may be used by many goroutines.
type Store struct {
	rdb     redis.UniversalClient
	pool    Pool
	keys    keys
	secret  []byte // of the live keys
	scripts scripts
	// doubts is how far the removal of old doubts has come; see LookAtCalls.
	doubts atomic.Uint64
	parts  lifecycle
}

// Open makes sure that the pool's secret exists, and finds out what the server
// can do. A pool that nobody has used yet becomes an empty one.
func Open(ctx context.Context, rdb redis.UniversalClient, p Pool) (*Store, error) {
	s := &Store{rdb: rdb, pool: p, keys: keysOf(p.Name)}
	shebang, err := parsesShebang(ctx, rdb, s.keys.liveKey())
	if err != nil {
		return nil, fmt.Errorf("open pool %s: %w", p.Name, err)
	}
	if s.scripts, err = loadScripts(shebang); err != nil {
		return nil, err
	}
	if s.secret, err = liveSecret(ctx, rdb, s.keys.liveKey()); err != nil {
		return nil, fmt.Errorf("open pool %s: %w", p.Name, err)
	}
	return s, nil
}

// liveSecret reads the pool's secret and makes one when there is none yet. It
// is never changed: with another one every live code would be forgotten.
func liveSecret(ctx context.Context, rdb redis.UniversalClient, key string) ([]byte, error) {
	secret, err := rdb.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		fresh := make([]byte, liveKeyBytes)
		_, _ = rand.Read(fresh) // never fails
		if err := rdb.SetNX(ctx, key, fresh, 0).Err(); err != nil {
			return nil, err
		}
		// Another process may have been first.
		secret, err = rdb.Get(ctx, key).Bytes()
	}
	if err != nil {
		return nil, err
	}
	if len(secret) != liveKeyBytes {
		return nil, fmt.Errorf("%s has %d bytes, want %d: it was not written by rekey; give rekey a Redis, or a database, of its own", key, len(secret), liveKeyBytes)
	}
	return secret, nil
}

// Pool returns what the store was opened with.
func (s *Store) Pool() Pool { return s.pool }

// liveOf is the key of a username's live code. Names that the pool takes for
// the same user have the same one.
func (s *Store) liveOf(username reset.Personal) string {
	return s.keys.live(keyedHash(s.secret, roster.Fold(username.Reveal(), s.pool.CaseSensitive)))
}

// Record is a plain look at what the ledger knows of a row, or [ErrDamaged]. It
// does not check the generation: a decision is made by [Store.Begin] alone.
func (s *Store) Record(ctx context.Context, ref reset.Ref) (Record, error) {
	var got recordCmd
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its own error
		got = s.getRecord(ctx, p, ref)
		return nil
	})
	r, err := s.readRecord(ref, got)
	if err != nil {
		err = fmt.Errorf("record of %s: %w", ref, err)
	}
	return r, err
}

// recordCmd asks for a row's record, and before that whether its chunk is there:
// in this order a chunk that is there reaches the record, or was cut short.
type recordCmd struct{ chunk, record *redis.StringCmd }

// getRecord asks for a row's record within a pipeline.
func (s *Store) getRecord(ctx context.Context, by redis.Cmdable, ref reset.Ref) recordCmd {
	key, from := s.keys.ledger(ref.Campaign, chunkOf(ref.Row)), ref.Row%roster.ChunkRows*recordBytes
	return recordCmd{by.GetRange(ctx, key, 0, 0), by.GetRange(ctx, key, from, from+recordBytes-1)}
}

// readRecord reads what getRecord was answered.
func (s *Store) readRecord(ref reset.Ref, got recordCmd) (Record, error) {
	b, err := got.record.Bytes()
	if err != nil {
		return Record{}, s.ofRecord(ref, err)
	}
	var r Record
	switch {
	case len(b) == recordBytes:
		r, err = ParseRecord(b)
	case len(b) > 0 || got.chunk.Val() != "":
		err = errCut
	}
	if err != nil {
		err = s.damagedRecord(ref, err)
	}
	return r, err
}

// ofRecord is an error of Redis about a record: damage when it is its key's own.
// Of a script the Redis in memory, and servers before 7, say so within a longer text.
func (s *Store) ofRecord(ref reset.Ref, err error) error {
	if keysOwn(err) || strings.Contains(err.Error(), "WRONGTYPE") {
		return s.damagedRecord(ref, err)
	}
	return err
}

func (s *Store) damagedRecord(ref reset.Ref, err error) error {
	key := s.keys.ledger(ref.Campaign, chunkOf(ref.Row))
	return ErrDamaged{Key: key, Ledger: true, Campaign: ref.Campaign, First: ref.Row, Last: ref.Row, Err: err}
}

// codec packs and unpacks what is stored of a campaign's roster.
func (s *Store) codec(id, generation string) (*roster.Codec, error) {
	return s.pool.Keys.Codec(roster.Load{Pool: s.pool.Name, Campaign: id, Generation: generation})
}

// Now returns the time on the clock by which the pool's scripts decide.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	// By a script: TIME by itself may ask any node of a Cluster.
	ms, err := s.run(ctx, "now", []string{s.keys.calls()}).Int64()
	if err != nil {
		return time.Time{}, fmt.Errorf("time of Redis: %w", err)
	}
	return time.UnixMilli(ms), nil
}
