package tasks

import (
	"context"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// hurry finds the urgent rows that are due and stand in later behind more than
// was read of it: after an outage there may be a million others, and each would
// be called before a single reset. It looks into the ledgers of urgent campaigns
// that have more rows waiting than were found, some chunks a second.
func (m *meal) hurry(ctx context.Context) error {
	for id, c := range m.running {
		w := m.walks.of[id]
		if w == nil || c.Priority != campaign.Urgent || c.Counts.Waiting+c.Counts.InDoubt <= int64(len(m.later[id])) {
			continue
		}
		for range stepsPerRound {
			found, err := m.pool.Store.Ripe(ctx, c, w.ripe)
			if err = m.passOver(err); err != nil {
				return err
			}
			if err := m.ripe(ctx, c, found.Rows); err != nil {
				return err
			}
			if w.ripe = max(0, found.Next); found.Next < 0 {
				break
			}
		}
	}
	return nil
}

// ripe adds rows that are due to those of later, without those that are among
// them or that have a task.
func (m *meal) ripe(ctx context.Context, c campaign.Campaign, rows []int64) error {
	if len(rows) == 0 {
		return nil
	}
	list, err := m.list(ctx, true)
	if err != nil {
		return err
	}
	known := make(map[reset.Ref]bool, len(m.later[c.ID]))
	for _, ref := range m.later[c.ID] {
		known[ref] = true
	}
	for _, row := range rows {
		ref := c.Ref(row)
		if id := taskID(ref); !known[ref] && !list.live[id] && !list.orphans[id] {
			m.later[c.ID] = append(m.later[c.ID], ref)
		}
	}
	return nil
}
