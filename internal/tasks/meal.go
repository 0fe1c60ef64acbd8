package tasks

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// meal is one filling of the window.
type meal struct {
	*feeder
	now     time.Time // on Redis's clock
	running map[string]campaign.Campaign
	later   map[string][]reset.Ref
	// lists are what the queues hold, read when a walk asks for it.
	lists map[bool]listing
}

func newMeal(f *feeder, now time.Time) *meal {
	return &meal{feeder: f, now: now, running: map[string]campaign.Campaign{}, later: map[string][]reset.Ref{}, lists: map[bool]listing{}}
}

// serve feeds urgent campaigns first. What they take the others do not get.
func (m *meal) serve(ctx context.Context, all []campaign.Campaign, urgentRoom, otherRoom int) error {
	for _, c := range all {
		if c.State == campaign.Running {
			m.running[c.ID] = c
		}
	}
	if err := m.fetch(ctx, urgentRoom+otherRoom); err != nil {
		return err
	}
	n, err := m.deal(ctx, &m.urgentTurns, urgentRoom, true)
	if err != nil {
		return err
	}
	_, err = m.deal(ctx, &m.otherTurns, otherRoom-n, false)
	return err
}

// fetch reads which rows of later are due, the longest due first. Those of
// campaigns that do not run are taken out, or they would stand in the way; the
// walk after a resume finds them.
func (m *meal) fetch(ctx context.Context, limit int) error {
	if limit == 0 || time.Since(m.fetched) < laterEvery {
		return nil
	}
	m.feeder.fetched = time.Now()
	refs, err := m.pool.Store.Later(ctx, limit)
	if err = m.passOver(err); err != nil {
		return err
	}
	var out []reset.Ref
	for _, ref := range refs {
		if c, ok := m.running[ref.Campaign]; ok && mayCall(c, ref) {
			m.later[ref.Campaign] = append(m.later[ref.Campaign], ref)
		} else {
			out = append(out, ref)
		}
	}
	if err := m.pool.Store.Fed(ctx, out...); err != nil || len(refs) < limit {
		return err
	}
	return m.hurry(ctx)
}

// deal shares the places among the campaigns of a class and feeds each.
func (m *meal) deal(ctx context.Context, t *turns, places int, urgent bool) (fed int, err error) {
	for id, n := range t.deal(max(0, places), m.claims(urgent)) {
		got, err := m.help(ctx, m.running[id], n)
		if err != nil {
			m.walks.interrupt(id, time.Now())
		}
		switch {
		case err == nil:
			fed += got
		case outage(err) || ctx.Err() != nil:
			return fed, err
		default:
			// What is wrong with one campaign must not starve the others.
			m.log.Error("a campaign cannot be fed", "campaign", id, "err", err)
		}
	}
	return fed, nil
}

func (m *meal) claims(urgent bool) []claimant {
	var claims []claimant
	for id, c := range m.running {
		if (c.Priority == campaign.Urgent) != urgent {
			continue
		}
		rows := len(m.later[id]) + int(min(c.Total-c.Cursor, maxWindow)) + m.walks.claim(id)
		if rows > 0 {
			claims = append(claims, claimant{id: id, bulk: c.Priority == campaign.Bulk, rows: rows})
		}
	}
	return claims
}

// help feeds up to n rows of a campaign: those whose time has come, those that
// the walk found missing, then the next planned ones.
func (m *meal) help(ctx context.Context, c campaign.Campaign, n int) (fed int, err error) {
	urgent := c.Priority == campaign.Urgent
	later := m.later[c.ID][:min(n, len(m.later[c.ID]))]
	items := make([]item, 0, n)
	for _, ref := range later {
		items = append(items, itemOf(ref, urgent))
	}
	missing, err := m.missing(ctx, c, n-len(items))
	if err != nil {
		return 0, err
	}
	items = append(items, missing...)
	ahead, next, err := m.ahead(ctx, c, n-len(items))
	if err != nil {
		return 0, err
	}
	for _, row := range ahead {
		items = append(items, itemOf(c.Ref(row), urgent))
	}
	taken, err := m.queues.enqueue(ctx, items)
	if err != nil {
		return 0, err
	}
	return len(items), m.note(ctx, c, fedRows{later: later, next: next, taken: taken})
}

func (m *meal) ahead(ctx context.Context, c campaign.Campaign, n int) ([]int64, int64, error) {
	if n <= 0 || c.Cursor >= c.Total {
		return nil, c.Cursor, nil
	}
	rows, next, err := m.pool.Store.Ahead(ctx, c, n)
	return rows, next, m.passOver(err)
}

// fedRows is what a campaign was helped to.
type fedRows struct {
	later []reset.Ref
	next  int64 // where the cursor goes
	taken []item
}

// note writes down what was fed, after the enqueue: a feeder that dies between
// the two leaves rows that are fed once more.
func (m *meal) note(ctx context.Context, c campaign.Campaign, fed fedRows) error {
	if err := m.pool.Store.Fed(ctx, fed.later...); err != nil {
		return err
	}
	if spares := m.walks.refused(c.ID, fed.taken, m.now); len(spares) > 0 {
		m.log.Warn("tasks were lost by the queue; their rows are fed under another name", "campaign", c.ID, "rows", len(spares))
		if _, err := m.queues.enqueue(ctx, spares); err != nil {
			return err
		}
	}
	if fed.next == c.Cursor {
		return nil
	}
	_, err := m.pool.Store.Advance(ctx, c, c.Cursor, fed.next) // false: another feeder was faster
	return err
}
