package tasks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// rowsKept is for how long a campaign's rows are reported after its end.
const rowsKept = 24 * time.Hour

// Metrics are a worker's, over all its pools. Names and label values are API.
type Metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	rows     *prometheus.GaugeVec
	rate     *prometheus.GaugeVec
	rateWait *prometheus.HistogramVec
	breaker  *prometheus.GaugeVec
	window   *prometheus.GaugeVec
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer, version string) *Metrics {
	m := &Metrics{
		calls:    counter("rekey_calls_total", "Calls of ForgotPassword by answer: OK or the cause.", "pool", "answer"),
		seconds:  histogram("rekey_call_seconds", "How long calls of ForgotPassword took.", prometheus.ExponentialBuckets(0.01, 2, 11), "pool"),
		rows:     gauge("rekey_rows", "Rows of a campaign by state, from the worker that feeds the pool.", "pool", "campaign", "state"),
		rate:     gauge("rekey_rate", "Calls a second that the quota's bucket allows right now.", "quota"),
		rateWait: histogram("rekey_rate_wait_seconds", "How long calls stood in line for the bucket.", prometheus.ExponentialBuckets(0.005, 3, 10), "quota"),
		breaker:  gauge("rekey_breaker_open", "1 while the breaker lets no call or only probes through.", "pool"),
		window:   gauge("rekey_window", "Tasks of the pool's queues that are due.", "pool"),
	}
	info := gauge("rekey_build_info", "The version that runs; the value is always 1.", "version")
	info.WithLabelValues(version).Set(1)
	reg.MustRegister(m.calls, m.seconds, m.rows, m.rate, m.rateWait, m.breaker, m.window, info)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// called counts a call that was made, and one that was about to be.
func (m *Metrics) called(pool string, a answer, took time.Duration) {
	word := "OK"
	if a.outcome != reset.Accepted {
		word = a.cause.String()
	}
	m.calls.WithLabelValues(pool, word).Inc()
	if a.outcome != reset.NotSent {
		m.seconds.WithLabelValues(pool).Observe(took.Seconds())
	}
}

func (m *Metrics) breakerOpen(pool string, open bool) {
	v := 0.0
	if open {
		v = 1
	}
	m.breaker.WithLabelValues(pool).Set(v)
}

// report sets the rows of the pool's campaigns. Parked rows are in doubt for
// those who look.
func (m *Metrics) report(pool string, all []campaign.Campaign, now time.Time) {
	m.rows.DeletePartialMatch(prometheus.Labels{"pool": pool})
	for _, c := range all {
		if !c.Ended.IsZero() && now.Sub(c.Ended) > rowsKept && c.State.Ended() {
			continue
		}
		for state := campaign.Planned; state <= campaign.Skipped; state++ {
			m.rows.WithLabelValues(pool, c.ID, state.String()).Add(float64(c.Counts.Of(state)))
		}
	}
}

// forget is for a worker that no longer feeds the pool: another one reports.
func (m *Metrics) forget(pool string) {
	m.rows.DeletePartialMatch(prometheus.Labels{"pool": pool})
	m.window.DeleteLabelValues(pool)
}
