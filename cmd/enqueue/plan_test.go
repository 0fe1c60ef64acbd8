package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

func breach() *plan {
	quota := config.Quota{Name: "acme/eu-west-1", Limit: 30, Share: 0.8, Echo: 0.4, Burst: 2}
	return (&plan{
		Plan: campaign.Plan{State: campaign.Draft, Rows: 1003120, Rejected: 412, Duplicates: 4497, Users: 998211},
		id:   "breach-2026", rejects: "breach-2026.rejects.csv",
		pool:     config.Pool{Name: "prod", ClientID: "1h57kf5cpq17m0eml12example", Hour: time.Hour},
		bucket:   ratelimit.State{Now: time.Date(2026, 11, 23, 8, 59, 0, 0, time.UTC)},
		campaign: "campaign", worker: "worker",
	}).under(quota)
}

// under is the plan with another quota, which no worker holds.
func (p *plan) under(q config.Quota) *plan {
	p.quota, p.bucket = q, p.bucket.Under(ratelimit.Quota(q))
	return p
}

func (p *plan) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := p.write(&b); err != nil {
		t.Fatal(err)
	}
	if err := p.writeNext(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The text of the interface, to the letter.
const breachPlan = `breach-2026, pool prod: a draft. Nothing has been sent.
  rows in the file   1,003,120
  rejected                 412   breach-2026.rejects.csv
  duplicates             4,497
  users                998,211   the number to confirm
  rate                  17.1/s   30/s (quota acme/eu-west-1) × 0.8 share ÷ 1.4 echo
  takes             16 h 11 min  ends 2026-11-24T01:10Z if started now
  workers                    0   none is serving pool prod: start one with  worker
Old passwords keep working until a user enters the code.
Codes can be entered through client 1h57…mple only; each lives one hour.
Each user counts as active this month on the Cognito bill. No daily budget is set: without SES a pool stops at 50 e-mails a day.
Next:  campaign start breach-2026 --confirm 998211
`

func TestThePlanIsToTheLetter(t *testing.T) {
	t.Parallel()
	if got := breach().text(t); got != breachPlan {
		t.Errorf("got\n%swant\n%s", got, breachPlan)
	}
}

func TestAFileThatIsNoDraftAnyMoreHasNoPlanOfAStart(t *testing.T) {
	t.Parallel()
	for _, state := range []campaign.Status{campaign.Running, campaign.Paused, campaign.Halted, campaign.Done, campaign.Cancelled} {
		p := breach()
		p.State, p.Existed = state, true
		want := "breach-2026, pool prod: this file is loaded already, complete; " + string(state) + `. Nothing was changed.
  rows in the file   1,003,120
  rejected                 412   breach-2026.rejects.csv
  duplicates             4,497
  users                998,211
Next:  campaign show breach-2026
`
		if got := p.text(t); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

func TestThePlanReckonsWithTheDailyBudget(t *testing.T) {
	t.Parallel()
	p := breach()
	q := p.quota
	q.Daily = 100_000
	p.under(q)
	got := p.text(t)
	// Nine days pass before the last 98,211 may go, of five minutes more than 24
	// hours each; they take an hour and a half themselves.
	for _, want := range []string{"  takes                 9 d 2 h  ends 2026-12-02T11:20Z if started now\n", "The daily budget is 100,000 calls.\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	p.Users = 100_000
	if got := p.text(t); !strings.Contains(got, "1 h 38 min") {
		t.Errorf("what one day's budget holds takes no day:\n%s", got)
	}
}

func TestThePlanReckonsWithWhatTodayHasUsed(t *testing.T) {
	t.Parallel()
	p := breach()
	q := p.quota
	q.Daily = 1000
	p.Users, p.bucket.Used = 300, 1000
	p.bucket.Returns = []ratelimit.Return{{At: p.bucket.Now.Add(5*time.Hour + 56*time.Minute), Calls: 200}, {At: p.bucket.Now.Add(8*time.Hour + 56*time.Minute), Calls: 800}}
	p.under(q)
	got := p.text(t)
	for _, want := range []string{
		"  limited by                     budget until 2026-11-23T14:55:00Z\n", "  takes              8 h 57 min  ends 2026-11-23T17:56Z if started now\n",
		"The daily budget is 1,000 calls, of which 1,000 went out in the last 24 hours.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestThePlanSaysWhoIsCalledBefore(t *testing.T) {
	t.Parallel()
	p := breach()
	p.ahead = 1_000_000
	got := p.text(t)
	for _, want := range []string{
		"  behind             1,000,000   users of running campaigns, called before the last of these\n",
		"  takes             32 h 23 min  ends 2026-11-24T17:22Z if started now\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestThePlanOfARehearsalSaysSo(t *testing.T) {
	t.Parallel()
	p := breach()
	p.pool.Endpoint, p.pool.Hour, p.pool.ClientID = "http://127.0.0.1:9229", 10*time.Second, "rekeytwin"
	p.Rejected, p.workers, p.ignored = 0, 2, []string{"name", "city"}
	got := p.text(t)
	for _, want := range []string{
		"  rejected                   0\n", "  duplicates             4,497   breach-2026.rejects.csv\n",
		"  columns ignored            2   name, city\n", "  workers                    2   serving pool prod\n",
		"through client rekeytwin only; each lives 10 s.\n", "Calls go to http://127.0.0.1:9229, not to AWS.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAnAbsurdPlanHasAnEnd(t *testing.T) {
	t.Parallel()
	p := breach()
	p.under(config.Quota{Name: "q", Limit: 1e-9, Share: 1, Daily: 1})
	if got := p.text(t); !strings.Contains(got, " d ") {
		t.Error(got)
	}
}
