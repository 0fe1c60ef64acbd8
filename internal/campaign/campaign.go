package campaign

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// Campaign is everything that a campaign's hash says, at one instant.
type Campaign struct {
	ID, Pool, Generation string
	// State is halted also while the pool's halt stands over a running campaign.
	State Status
	// Reason and Next say why it is paused or halted, and the operator's next step.
	Reason, Next string

	Priority Priority
	OnDoubt  OnDoubt
	OnLive   OnLive
	Guard    Guard

	// Total counts the rows. Those before Cursor have been fed once.
	Total, Cursor int64
	// Plan is what the load said. A standing campaign's has its users alone.
	Plan Plan
	// Counts add up to Total, unless the campaign is loading.
	Counts Counts
	// Causes count rows in waiting, dead, in_doubt and parked by their last cause.
	Causes map[State]map[reset.Cause]int64
	// Samples are one answer a cause, without personal data.
	Samples map[reset.Cause]string

	Created, Started, Ended time.Time
	// Standing campaigns take single resets for the length of Day.
	Standing bool
	Day      time.Time
	// Expired: the roster was deleted after the pool's retention.
	Expired bool
	// Deleting: a deletion began and did not end; delete again.
	Deleting bool
	// Keys are the ids of the roster keys with which its roster is sealed: one,
	// or none; of a standing campaign, whose key may be rotated while its day
	// lasts, several, and some of its rows may be in clear.
	Keys []string
	// File and By say what was loaded, and who loaded it.
	File, By string
	// PoolHalted: it is the pool that is halted; see [Store.Halt].
	PoolHalted bool

	digest, expired, loadToken string
}

// Counts are the rows of a campaign by their state.
type Counts struct {
	Planned, Calling, Waiting, Accepted, Dead, InDoubt, Parked, Skipped int64
}

// Of returns the rows in a state.
func (c Counts) Of(s State) int64 {
	return [...]int64{c.Planned, c.Calling, c.Waiting, c.Accepted, c.Dead, c.InDoubt, c.Parked, c.Skipped}[s]
}

// Sum counts all rows.
func (c Counts) Sum() int64 { return c.ToDo() + c.Calling + c.Final() }

// ToDo counts the rows that are yet to be called, for the first time or again.
func (c Counts) ToDo() int64 { return c.Planned + c.Waiting + c.InDoubt }

// Final counts the rows that are done with.
func (c Counts) Final() int64 { return c.Accepted + c.Dead + c.Parked + c.Skipped }

// CausesOf adds the rows of all states by their last cause.
func (c Campaign) CausesOf(states ...State) map[reset.Cause]int64 {
	sum := map[reset.Cause]int64{}
	for state, causes := range c.Causes {
		if len(states) > 0 && !slices.Contains(states, state) {
			continue
		}
		for cause, n := range causes {
			sum[cause] += n
		}
	}
	return sum
}

// Ref names a row of the campaign.
func (c Campaign) Ref(row int64) reset.Ref {
	return reset.Ref{Campaign: c.ID, Generation: c.Generation, Row: row}
}

// chunks is how many chunks its rows fill.
func (c Campaign) chunks() int64 { return chunksOf(c.Total) }

func chunksOf(rows int64) int64 { return (rows + roster.ChunkRows - 1) / roster.ChunkRows }

// parseCampaign reads a campaign's hash.
func parseCampaign(pool, id string, hash map[string]string) (Campaign, error) {
	f := fields{hash: hash}
	c := Campaign{
		ID: id, Pool: pool, Generation: hash["generation"],
		State: Status(hash["state"]), Reason: hash["reason"], Next: hash["next"],
		Priority: Priority(hash["priority"]), OnDoubt: OnDoubt(hash["on_doubt"]), OnLive: OnLive(hash["on_live"]),
		Guard: guardOf(f.int("guard")),
		Total: f.int("total"), Cursor: f.int("cursor"),
		Counts: f.counts(), Causes: map[State]map[reset.Cause]int64{}, Samples: map[reset.Cause]string{},
		Created: f.time("created_at"), Started: f.time("started_at"), Ended: f.time("ended_at"),
		Standing: hash["standing"] != "", Expired: hash["expired"] != "", Deleting: hash["deleting"] != "",
		Keys: strings.Fields(hash["keys"]), File: hash["file"], By: hash["by"], digest: hash["digest"], expired: hash["expired"],
		loadToken: hash["load_token"],
	}
	if c.Standing {
		c.Day = time.Unix(f.int("standing"), 0).UTC().AddDate(0, 0, -1)
	}
	c.Plan = Plan{State: c.State, Rows: f.int("rows"), Rejected: f.int("rejected"), Duplicates: f.int("duplicates"), Users: c.Total}
	for _, name := range slices.Sorted(maps.Keys(hash)) {
		f.cause(&c, name)
	}
	if f.err != nil {
		return Campaign{}, f.err
	}
	return c, nil
}

// fields reads a hash. Its first error sticks.
type fields struct {
	hash map[string]string
	err  error
}

// int reads a number; an absent one is 0.
func (f *fields) int(name string) int64 {
	s := f.hash[name]
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("field %s is not a number, so something else than rekey wrote to it", name)
	}
	return n
}

func (f *fields) time(name string) time.Time {
	ms := f.int(name)
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (f *fields) counts() Counts {
	return Counts{
		Planned: f.int("planned"), Calling: f.int("calling"), Waiting: f.int("waiting"), Accepted: f.int("accepted"),
		Dead: f.int("dead"), InDoubt: f.int("in_doubt"), Parked: f.int("parked"), Skipped: f.int("skipped"),
	}
}

// cause reads k:STATE:CAUSE and sample:CAUSE.
func (f *fields) cause(c *Campaign, name string) {
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "sample":
		if n, err := strconv.ParseUint(rest, 10, 8); err == nil {
			c.Samples[reset.Cause(n)] = f.hash[name]
		}
	case "k":
		word, number, _ := strings.Cut(rest, ":")
		n, err := strconv.ParseUint(number, 10, 8)
		state := slices.Index(stateFields[:], word)
		count := f.int(name)
		if err != nil || state < 0 || count == 0 {
			return
		}
		if c.Causes[State(state)] == nil {
			c.Causes[State(state)] = map[reset.Cause]int64{}
		}
		c.Causes[State(state)][reset.Cause(n)] = count
	}
}
