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
	from, speed := s.bucket.Now, s.bucket.AllowedTo(c.Pool)
	if b, blocked := s.bucket.Blocked(c.Pool); blocked {
		from = b.Until
	} else if from.Before(s.bucket.BudgetBack) {
		from = s.bucket.BudgetBack
	}
	if from.Before(due) {
		from = due
	}
	if speed <= 0 {
		speed = s.bucket.Configured
	}
	return from.Add(time.Duration(float64(ahead(c, s.others)) / speed * float64(time.Second)))
}

// ahead counts the calls that go out until the campaign's last one: its own,
// those of more urgent campaigns, and those of equals, which take turns with it.
// Of what urgent leaves, normal and bulk campaigns get four rows to one.
func ahead(c campaign.Campaign, others []campaign.Campaign) int64 {
	own := left(c)
	n := own
	for _, o := range others {
		if o.ID == c.ID || o.State != campaign.Running {
			continue
		}
		n += min(left(o), turns(c.Priority, o.Priority, own))
	}
	return n
}

func left(c campaign.Campaign) int64 { return c.Counts.ToDo() + c.Counts.Calling }

// turns is how many rows of another priority can come before own rows are sent.
func turns(mine, other campaign.Priority, own int64) int64 {
	const all = 1 << 62
	switch {
	case mine == other:
		return own
	case other == campaign.Urgent:
		return all
	case mine == campaign.Urgent:
		return 0
	case mine == campaign.Normal:
		return own / 4
	}
	return own * 4
}
