package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

// plan is what a start would do.
type plan struct {
	campaign.Plan
	id      string
	pool    config.Pool
	quota   config.Quota
	rejects string
	ignored []string
	// usernames are the columns that usernames were read from; none without headers.
	usernames []string
	files     int
	workers   int
	// bucket is what the pool may send; ahead are the calls of campaigns that run
	// already, until the last of these users would have been called.
	bucket ratelimit.State
	ahead  int64
	// The names of the commands for the next step, and --config if it was given.
	campaign, worker, config string
}

// line is a row of the plan's table: numbers are right-aligned at column 30,
// notes begin at 33.
func line(b *strings.Builder, label, value, note string) {
	text := fmt.Sprintf("  %-16s%12s   %s", label, value, cli.Plain(note))
	b.WriteString(strings.TrimRight(text, " ") + "\n")
}

func (p *plan) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(p.head())
	line(&b, "rows in the file", cli.Count(p.Rows), "")
	line(&b, "rejected", cli.Count(p.Rejected), p.where(p.Rejected > 0))
	line(&b, "duplicates", cli.Count(p.Duplicates), p.where(p.Rejected == 0 && p.Duplicates > 0))
	if len(p.usernames) > 0 {
		line(&b, "username column", "", strings.Join(p.usernames, ", "))
	}
	if n := len(p.ignored); n > 0 {
		line(&b, "columns ignored", cli.Count(n), p.ignoredNames())
	}
	p.writeStart(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeStart says what a start would do. What is no draft cannot be started.
func (p *plan) writeStart(b *strings.Builder) {
	if p.State != campaign.Draft {
		line(b, "users", cli.Count(p.Users), "")
		return
	}
	line(b, "users", cli.Count(p.Users), "the number to confirm")
	line(b, "rate", cli.Rate(p.quota.Rate()), p.reckoning())
	p.writeEnd(b)
	line(b, "workers", cli.Count(p.workers), p.serving())
	b.WriteString(p.warnings())
}

func (p *plan) head() string {
	if !p.Existed {
		return fmt.Sprintf("%s, pool %s: a draft. Nothing has been sent.\n", p.id, p.pool.Name)
	}
	state := string(p.State) + ". Nothing was changed."
	if p.State == campaign.Draft {
		state = "a draft. Nothing has been sent."
	}
	what := "this file is"
	if p.files > 1 {
		what = "these files are"
	}
	return fmt.Sprintf("%s, pool %s: %s loaded already, complete; %s\n", p.id, p.pool.Name, what, state)
}

// mostIgnored bounds the columns that the plan names: Cognito's own file has twenty.
const mostIgnored = 6

func (p *plan) ignoredNames() string {
	text := strings.Join(p.ignored[:min(len(p.ignored), mostIgnored)], ", ")
	if len(p.ignored) > mostIgnored {
		text += ", …"
	}
	return text
}

// where names the file of the rejects, at the first number that is in it.
func (p *plan) where(here bool) string {
	if !here {
		return ""
	}
	return p.rejects
}

// reckoning shows how the rate comes about.
func (p *plan) reckoning() string {
	return fmt.Sprintf("%s/s (quota %s) × %s share ÷ %s echo",
		cli.Number(p.quota.Limit), p.quota.Name, cli.Number(p.quota.Share), cli.Number(1+p.quota.Echo))
}

// writeEnd says when the last user would be called, and what comes before it.
func (p *plan) writeEnd(b *strings.Builder) {
	if p.ahead > 0 {
		line(b, "behind", cli.Count(p.ahead), "users of running campaigns, called before the last of these")
	}
	switch p.bucket.Limiter(p.pool.Name) {
	case ratelimit.LimitedByHold, ratelimit.LimitedByBudget:
		line(b, "limited by", "", p.bucket.LimitedBy(p.pool.Name))
	}
	ends := p.bucket.Ends(p.pool.Name, p.Users+p.ahead, time.Time{})
	fmt.Fprintf(b, "  %-16s%13s  %s\n", "takes", cli.Span(ends.Sub(p.bucket.Now)), "ends "+cli.Minute(ends)+" if started now")
}

func (p *plan) serving() string {
	if p.workers == 0 {
		return fmt.Sprintf("none is serving pool %s: start one with  %s%s", p.pool.Name, p.worker, p.config)
	}
	return "serving pool " + p.pool.Name
}

// warnings is what everybody should have read before a start.
func (p *plan) warnings() string {
	lines := []string{
		"Old passwords keep working until a user enters the code.",
		fmt.Sprintf("Codes can be entered through client %s only; each lives %s.", short(p.pool.ClientID), hour(p.pool.Hour)),
		"Each user counts as active this month on the Cognito bill. " + p.budget(),
	}
	if p.pool.Endpoint != "" {
		lines = append(lines, "Calls go to "+p.pool.Endpoint+", not to AWS.")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (p *plan) budget() string {
	if p.bucket.Daily == 0 {
		return "No daily budget is set: without SES a pool stops at 50 e-mails a day."
	}
	text := fmt.Sprintf("The daily budget is %s calls", cli.Count(p.bucket.Daily))
	if p.bucket.Used > 0 {
		text += fmt.Sprintf(", of which %s went out in the last 24 hours", cli.Count(p.bucket.Used))
	}
	return text + "."
}

// short shortens a client id, which is long and looks like a secret.
func short(id string) string {
	if len(id) < 12 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}

func hour(d time.Duration) string {
	if d == time.Hour {
		return "one hour"
	}
	return cli.Span(d)
}

// next is the operator's next step.
func (p *plan) next() string {
	if p.State == campaign.Draft {
		return fmt.Sprintf("Next:  %s start %s --confirm %d%s", p.campaign, p.id, p.Users, p.config)
	}
	return fmt.Sprintf("Next:  %s show %s%s", p.campaign, p.id, p.config)
}

func (p *plan) writeNext(w io.Writer) error {
	_, err := fmt.Fprintln(w, p.next())
	return err
}
