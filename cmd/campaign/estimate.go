package main

import (
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

// limitedBy says why a running campaign is not faster.
func limitedBy(c campaign.Campaign, s surroundings, concurrency int, due time.Time) string {
	inFlight := int64(0)
	for _, o := range s.others {
		inFlight += o.Counts.Calling
	}
	_, blocked := s.bucket.Blocked(c.Pool)
	switch {
	case c.State != campaign.Running:
		return ""
	case s.workers == 0:
		return "no worker"
	case s.away == s.workers:
		return "connection until " + cli.Time(s.back) + " (no worker reaches Cognito; they try again by themselves)"
	case s.paused(c.Priority) != "":
		return "pause of queue " + s.paused(c.Priority) + " (asynq's own: unpause it with its tools)"
	case blocked:
		return s.bucket.LimitedBy(c.Pool)
	case !s.standby.IsZero():
		return "hold until " + cli.Time(s.standby) + " (workers stand by: the quota's numbers were changed)"
	case due.After(s.bucket.Now):
		return "waits until " + cli.Time(due)
	// With every slot of every worker in a call there is nobody to stand in line.
	case inFlight >= int64(concurrency)*int64(s.workers):
		return "concurrency"
	}
	return s.bucket.LimitedBy(c.Pool)
}

// endOf is when a campaign ends or has ended, or zero where nobody can say.
func endOf(c campaign.Campaign, s surroundings, due time.Time) time.Time {
	if c.State.Ended() {
		return c.Ended
	}
	if c.State != campaign.Running || s.workers == s.away || s.bucket.Configured <= 0 {
		return time.Time{}
	}
	return s.bucket.Ends(c.Pool, c.CallsUntilDone(s.others), due)
}
