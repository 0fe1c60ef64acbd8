package tasks

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/roster"
)

const (
	// walkEvery is the safety net's own pace.
	walkEvery = 10 * time.Minute
	// walkAgain: right after a change some workers still go by their old copy of
	// the campaign's state, and let go of rows that they could call.
	walkAgain = 3 * time.Second
	// walkSoon is the pace while something is known to be amiss.
	walkSoon = 5 * time.Second
	// stepsPerRound bounds how long a walk keeps the feeder from its other work:
	// a step reads a chunk, eight kilobytes.
	stepsPerRound = 16
)

// walks are the walks over what is behind the campaigns' cursors: rows that
// are to be called and that the queue has no task for are fed again. They go on
// as far as the window has room, so that a replay of a million rows does not
// land in the queue at once.
type walks struct {
	of map[string]*walk
	// asked is how many resumes and replays there were, as of the last round.
	asked int64
}

func newWalks() walks { return walks{of: map[string]*walk{}} }

// walk is one campaign's.
type walk struct {
	generation string
	began      time.Time // the last walk
	due        time.Time // when the next one begins
	again      bool      // there is one more to come, walkAgain after this one
	going      bool
	chunk      int64   // what to read next; -1 is the end
	rows       []int64 // read, and not looked at yet
	ripe       int64   // an urgent campaign's chunk to look at next, see hurry
	// suspects are task ids that are taken though they are in no list, and those
	// of the walk before. What is there twice was lost by the queue.
	suspects, before map[string]bool
}

// sight is what a round of the feeder saw.
type sight struct {
	asked   int64 // resumes and replays so far
	orphans bool  // there are tasks whose worker is gone, or were until now
	idle    bool  // the queues are empty
	// unlisted: and yet more rows wait than later has. Their tasks were lost.
	unlisted bool
}

// unlisted counts the rows that wait: with the queues empty every one of them
// must be in later. Those of paused campaigns may be there as well; then it sees
// less than there is, and the walk of every ten minutes finds it.
func (f *feeder) unlisted(ctx context.Context, all []campaign.Campaign, idle bool) (bool, error) {
	waiting := int64(0)
	for _, c := range all {
		if c.State == campaign.Running {
			waiting += c.Counts.Waiting + c.Counts.InDoubt
		}
	}
	if !idle || waiting == 0 {
		return false, nil
	}
	resting, err := f.pool.Store.Resting(ctx)
	return waiting > resting, err
}

// notice takes a round's sight in, and begins the walks that are due. A
// campaign that is seen for the first time is walked over at once: that is the
// take-over's walk.
func (w *walks) notice(now time.Time, all []campaign.Campaign, s sight) {
	changed := s.asked != w.asked
	w.asked = s.asked
	kept := make(map[string]*walk, len(all))
	for _, c := range all {
		one := w.of[c.ID]
		if one == nil || one.generation != c.Generation {
			one = &walk{generation: c.Generation, due: now}
		}
		if changed {
			one.due, one.again, one.going = now, true, false
		}
		one.notice(now, c, s)
		kept[c.ID] = one
	}
	w.of = kept
}

func (w *walk) notice(now time.Time, c campaign.Campaign, s sight) {
	// All rows were fed, none is in the queues, and yet some were never called.
	stalled := s.idle && c.Counts.Planned > 0 && c.Cursor >= c.Total
	held := s.unlisted && c.Counts.Waiting+c.Counts.InDoubt > 0
	if s.orphans || stalled || held {
		w.due = earlier(w.due, w.began.Add(walkSoon))
	}
	if c.State == campaign.Running && !w.going && !now.Before(w.due) {
		w.begin(now)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (w *walk) begin(now time.Time) {
	w.going, w.began, w.due = true, now, now.Add(walkEvery)
	w.chunk, w.rows = 0, nil
	w.before, w.suspects = w.suspects, map[string]bool{}
}

func (w *walk) end() {
	w.going = false
	if w.again {
		w.again = false
		w.due = w.began.Add(walkAgain)
	}
}

// interrupt ends a campaign's walk after an error, also one that has just come
// to its end. What it had found is in the queue or not, nobody knows; so the next
// one begins soon.
func (w *walks) interrupt(id string, now time.Time) {
	if one := w.of[id]; one != nil {
		one.going = false
		one.due = earlier(one.due, now.Add(walkSoon))
	}
}

// claim is how many places a campaign's walk may want.
func (w *walks) claim(id string) int {
	one := w.of[id]
	if one == nil || !one.going {
		return 0
	}
	return max(len(one.rows), roster.ChunkRows)
}

// refused learns which ids were taken, and returns the spares of those that
// were lost.
func (w *walks) refused(id string, taken []item, now time.Time) (spares []item) {
	one := w.of[id]
	for _, it := range taken {
		switch {
		case !it.missing || one == nil:
		case one.before[it.id]:
			it.id = spareID(it.ref, now.Unix())
			spares = append(spares, it)
		default:
			one.suspects[it.id] = true
		}
	}
	return spares
}

// missing takes the walk further, and returns up to n rows that the queue has
// no task for. A task whose worker is gone counts as none: its row goes on
// under another name, long before the queue's own recovery.
func (m *meal) missing(ctx context.Context, c campaign.Campaign, n int) ([]item, error) {
	w := m.walks.of[c.ID]
	if n <= 0 || w == nil || !w.going {
		return nil, nil
	}
	urgent := c.Priority == campaign.Urgent
	list, err := m.list(ctx, urgent)
	if err != nil {
		return nil, err
	}
	var items []item
	for steps := 0; len(items) < n && w.going; {
		if len(w.rows) > 0 {
			it := itemOf(c.Ref(w.rows[0]), urgent)
			w.rows = w.rows[1:]
			if !list.live[it.id] {
				items = append(items, list.missing(it, m.now))
			}
			continue
		}
		if steps++; steps > stepsPerRound {
			break
		}
		if err := m.step(ctx, c, w); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (l listing) missing(it item, now time.Time) item {
	it.missing = true
	if l.orphans[it.id] {
		it.id = spareID(it.ref, now.Unix())
	}
	return it
}

func (m *meal) list(ctx context.Context, urgent bool) (listing, error) {
	if l, ok := m.lists[urgent]; ok {
		return l, nil
	}
	l, err := m.queues.list(ctx, urgent, m.now)
	if err == nil {
		m.lists[urgent] = l
	}
	return l, err
}

// step reads the next chunk.
func (m *meal) step(ctx context.Context, c campaign.Campaign, w *walk) error {
	if w.chunk < 0 {
		w.end()
		return nil
	}
	found, err := m.pool.Store.Behind(ctx, c, w.chunk)
	if err = m.passOver(err); err != nil {
		return err
	}
	w.rows, w.chunk = found.Rows, found.Next
	return nil
}
