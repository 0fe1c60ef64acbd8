package tasks

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rekeyhq/rekey/internal/campaign"
)

// rowsKept is for how long a campaign is reported after its end.
const rowsKept = 24 * time.Hour

// campaigns collects what the feeders of this worker have read. A scrape gets
// the whole of one reading: rows that add up, and no gap while they are renewed.
type campaigns struct {
	rows, state *prometheus.Desc

	mu       sync.Mutex
	readings map[string][]prometheus.Metric // by pool
}

func newCampaigns() *campaigns {
	return &campaigns{
		rows:     prometheus.NewDesc(mRows.Name, mRows.Help, mRows.Labels, nil),
		state:    prometheus.NewDesc(mCampaign.Name, mCampaign.Help, mCampaign.Labels, nil),
		readings: map[string][]prometheus.Metric{},
	}
}

// Describe implements [prometheus.Collector].
func (c *campaigns) Describe(to chan<- *prometheus.Desc) {
	to <- c.rows
	to <- c.state
}

// Collect implements [prometheus.Collector].
func (c *campaigns) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, all := range c.readings {
		for _, m := range all {
			to <- m
		}
	}
}

func (c *campaigns) report(pool string, all []campaign.Campaign, now time.Time) {
	var reading []prometheus.Metric
	for _, one := range all {
		if one.State.Ended() && !one.Ended.IsZero() && now.Sub(one.Ended) > rowsKept {
			continue
		}
		reading = append(reading, c.series(pool, one)...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readings[pool] = reading
}

// series are one campaign's. Parked rows are in doubt for those who look.
func (c *campaigns) series(pool string, one campaign.Campaign) []prometheus.Metric {
	out := []prometheus.Metric{prometheus.MustNewConstMetric(c.state, prometheus.GaugeValue, 1, pool, one.ID, string(one.State))}
	for s := campaign.Planned; s <= campaign.Skipped; s++ {
		rows := one.Counts.Of(s)
		switch s {
		case campaign.Parked:
			continue
		case campaign.InDoubt:
			rows += one.Counts.Parked
		}
		out = append(out, prometheus.MustNewConstMetric(c.rows, prometheus.GaugeValue, float64(rows), pool, one.ID, s.String()))
	}
	return out
}

func (c *campaigns) forget(pool string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.readings, pool)
}
