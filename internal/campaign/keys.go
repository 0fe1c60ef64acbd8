package campaign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// idsKey leads from a campaign's id to its pool: ids are unique in a Redis.
const idsKey = "rekey:{ids}:ids"

// keys are the keys of a pool. The pool's name is the hash tag of every one of
// them, so that all keys of a script share a slot of a Cluster.
type keys struct{ prefix string }

func keysOf(pool string) keys { return keys{"rekey:{" + pool + "}:"} }

func (k keys) campaigns() string     { return k.prefix + "campaigns" }
func (k keys) calls() string         { return k.prefix + "calls" }
func (k keys) doubts() string        { return k.prefix + "doubts" }
func (k keys) later() string         { return k.prefix + "later" }
func (k keys) liveKey() string       { return k.prefix + "live-key" }
func (k keys) misconfigured() string { return k.prefix + "misconfigured" }
func (k keys) halt() string          { return k.prefix + "halt" }
func (k keys) feeder() string        { return k.prefix + "feeder" }
func (k keys) workers() string       { return k.prefix + "workers" }

// event is where an event's id is remembered; h is a keyed hash.
func (k keys) event(h string) string { return k.prefix + "event:" + h }

// live is where a username's code is; h is a keyed hash.
func (k keys) live(h string) string { return k.prefix + "live:" + h }

func (k keys) campaign(id string) string { return k.prefix + "c:" + id }

// open holds a bit for each chunk that still holds rows to do.
func (k keys) open(id string) string { return k.campaign(id) + ":open" }

func (k keys) roster(id string, chunk int64) string {
	return k.campaign(id) + ":r:" + strconv.FormatInt(chunk, 10)
}

func (k keys) ledger(id string, chunk int64) string {
	return k.campaign(id) + ":l:" + strconv.FormatInt(chunk, 10)
}

// chunk returns the keys that every script begins with that moves rows: KEYS 1
// to 4 of transition.lua. They serve the rows of one chunk.
func (k keys) chunk(id string, chunk int64) []string {
	return []string{k.campaign(id), k.open(id), k.ledger(id, chunk), k.later()}
}

// row returns KEYS 1 to 8 of the scripts about a single row: those of its
// chunk, and the pool's.
func (k keys) row(ref reset.Ref) []string {
	return append(k.chunk(ref.Campaign, chunkOf(ref.Row)), k.calls(), k.doubts(), k.halt(), k.misconfigured())
}

func chunkOf(row int64) int64 { return row / roster.ChunkRows }

// member is a row's name in calls, doubts, later and misconfigured. The
// generation is part of it, so that nothing of a deleted campaign can be taken
// for a row of a later one with the same id.
func member(ref reset.Ref) string { return ref.String() + " " + ref.Generation }

// keyedHash stands for a personal value in a key. With the pool's secret it
// cannot be found by trying names on a dump, unless the secret is in the dump;
// it is, so a dump is personal data all the same.
func keyedHash(secret []byte, value string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
