package tasks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

// Metric is a metric as it is documented. Names, labels and label values are API.
type Metric struct {
	Name   string
	Type   string
	Labels []string
	Help   string
}

// The metrics. What several workers see alike, such as a quota's rate, each of
// them reports: take the maximum.
var (
	mCalls = Metric{"rekey_calls_total", "counter", []string{"pool", "answer"},
		"Calls of ForgotPassword by answer: OK or the cause."}
	mSeconds = Metric{"rekey_call_seconds", "histogram", []string{"pool"},
		"How long calls of ForgotPassword took."}
	mRows = Metric{"rekey_rows", "gauge", []string{"pool", "campaign", "state"},
		"Rows of a campaign by state, from the worker that feeds the pool, until a day after the campaign ended."}
	mCampaign = Metric{"rekey_campaign_state", "gauge", []string{"pool", "campaign", "state"},
		"1 for the state that a campaign is in; from the same worker for as long as its rows."}
	mRate = Metric{"rekey_rate", "gauge", []string{"quota"},
		"Calls a second that the quota's bucket allows right now."}
	mConfigured = Metric{"rekey_rate_configured", "gauge", []string{"quota"},
		"Calls a second that rekey may make when nothing is in the way: limit × share ÷ (1 + echo)."}
	mRateWait = Metric{"rekey_rate_wait_seconds", "histogram", []string{"quota"},
		"How long calls stood in line for the bucket."}
	mLimitedBy = Metric{"rekey_limited_by", "gauge", []string{"pool", "limit"},
		"1 for what limits the pool's calls: hold, budget, redis, connection, throttled or quota; 0 for the others."}
	mBudget = Metric{"rekey_budget_used_ratio", "gauge", []string{"quota"},
		"The part of the daily budget that the last 24 hours have used; absent without a budget."}
	mBreaker = Metric{"rekey_breaker_open", "gauge", []string{"pool"},
		"1 while the breaker lets no call or only probes through."}
	mWindow = Metric{"rekey_window", "gauge", []string{"pool"},
		"Tasks of the pool's queues that are due, from the worker that feeds the pool."}
	mServing = Metric{"rekey_serving", "gauge", []string{"pool"},
		"1 while this worker serves the pool; 0 while it starts, stands by or has stopped: /readyz says why."}
	mWorkers = Metric{"rekey_workers", "gauge", []string{"pool"},
		"Workers that serve the pool, by what they have said in Redis within the last half minute."}
	mRedis = Metric{"rekey_redis_up", "gauge", []string{"pool"},
		"1 while the pool's Redis answers and takes writes. While it does not, nothing is sent."}
	mInfo = Metric{"rekey_build_info", "gauge", []string{"version"},
		"The version that runs; the value is always 1."}
)

// Described returns every metric of rekey's own, in the order of the documentation.
func Described() []Metric {
	return []Metric{
		mCalls, mSeconds, mRows, mCampaign, mRate, mConfigured, mRateWait, mLimitedBy, mBudget,
		mBreaker, mWindow, mServing, mWorkers, mRedis, mInfo,
	}
}

// Metrics are a worker's, over all its pools.
type Metrics struct {
	calls      *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	campaigns  *campaigns
	rate       *prometheus.GaugeVec
	configured *prometheus.GaugeVec
	rateWait   *prometheus.HistogramVec
	limitedBy  *prometheus.GaugeVec
	budget     *prometheus.GaugeVec
	breaker    *prometheus.GaugeVec
	window     *prometheus.GaugeVec
	serving    *prometheus.GaugeVec
	workers    *prometheus.GaugeVec
	redis      *prometheus.GaugeVec
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer, version string) *Metrics {
	m := &Metrics{
		calls:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: mCalls.Name, Help: mCalls.Help}, mCalls.Labels),
		seconds:    histogram(mSeconds, prometheus.ExponentialBuckets(0.01, 2, 11)),
		campaigns:  newCampaigns(),
		rate:       gauge(mRate),
		configured: gauge(mConfigured),
		rateWait:   histogram(mRateWait, prometheus.ExponentialBuckets(0.005, 3, 10)),
		limitedBy:  gauge(mLimitedBy),
		budget:     gauge(mBudget),
		breaker:    gauge(mBreaker),
		window:     gauge(mWindow),
		serving:    gauge(mServing),
		workers:    gauge(mWorkers),
		redis:      gauge(mRedis),
	}
	info := gauge(mInfo)
	info.WithLabelValues(version).Set(1)
	reg.MustRegister(m.calls, m.seconds, m.campaigns, m.rate, m.configured, m.rateWait, m.limitedBy, m.budget,
		m.breaker, m.window, m.serving, m.workers, m.redis, info)
	return m
}

func gauge(m Metric) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
}

func histogram(m Metric, buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets}, m.Labels)
}

// answerOK is the answer that is no cause.
const answerOK = "OK"

// expect makes the series of the answers that alerts compare with each other,
// so that the first of a kind is seen as an increase.
func (m *Metrics) expect(pool string) {
	m.calls.WithLabelValues(pool, answerOK)
	m.calls.WithLabelValues(pool, reset.TooManyRequests.String())
	m.seconds.WithLabelValues(pool)
}

// called counts a call that was made, and one that was about to be.
func (m *Metrics) called(pool string, a answer, took time.Duration) {
	word := answerOK
	if a.outcome != reset.Accepted {
		word = a.cause.String()
	}
	m.calls.WithLabelValues(pool, word).Inc()
	if a.outcome != reset.NotSent {
		m.seconds.WithLabelValues(pool).Observe(took.Seconds())
	}
}

// bucket reports what the bucket says of the pool and of its quota; nil is a
// bucket that could not be read, and nothing is said of it.
func (m *Metrics) bucket(pool string, q ratelimit.Quota, s *ratelimit.State) {
	m.configured.WithLabelValues(q.Name).Set(q.Rate())
	if s == nil {
		m.rate.DeleteLabelValues(q.Name)
		m.budget.DeleteLabelValues(q.Name)
		m.limitedBy.DeletePartialMatch(prometheus.Labels{"pool": pool})
		return
	}
	m.rate.WithLabelValues(q.Name).Set(s.Allowed)
	if s.Daily > 0 {
		m.budget.WithLabelValues(q.Name).Set(float64(s.Used) / float64(s.Daily))
	} else {
		m.budget.DeleteLabelValues(q.Name)
	}
}

// limited reports what limits the pool's calls.
func (m *Metrics) limited(pool string, now ratelimit.Limiter) {
	for _, l := range ratelimit.Limiters() {
		m.limitedBy.WithLabelValues(pool, string(l)).Set(oneIf(l == now))
	}
}

// report takes over what the feeder has read of the pool's campaigns.
func (m *Metrics) report(pool string, all []campaign.Campaign, now time.Time) {
	m.campaigns.report(pool, all, now)
}

// forget is for a worker that no longer feeds the pool: another one reports.
func (m *Metrics) forget(pool string) {
	m.campaigns.forget(pool)
	m.window.DeleteLabelValues(pool)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
