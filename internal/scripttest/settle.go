package scripttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// settle is a worker that calls a row and gets an answer:
//
//	settle CAMPAIGN#ROW ANSWER [SAMPLE]
//
// The campaign "intake" is the day's standing one. The answer is OK, waits,
// parks, calls (none yet), a cause that halts the pool with a ! before it, or a
// cause that ends the row.
func settle(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	ref, err := reset.ParseRef(args[0])
	if err != nil {
		return err
	}
	c, err := find(ctx, s, ref.Campaign)
	if err != nil {
		return err
	}
	return call(ctx, s, c.Ref(ref.Row), args[1:])
}

func call(ctx context.Context, s *campaign.Store, ref reset.Ref, answer []string) error {
	row, err := s.Request(ctx, ref)
	if err != nil {
		return err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	m := campaign.Mark{
		Ref: ref, Token: fmt.Sprintf("token-%v-%d", ref, now.UnixNano()), Username: row.Request.Username, NotAfter: now.Add(time.Hour),
	}
	b, err := s.Begin(ctx, m)
	if err != nil || b.Answer != campaign.AnswerGo {
		return errors.Join(err, fmt.Errorf("a row could not begin: it answered %v", b.Answer))
	}
	v, err := verdict(answer)
	if err != nil || v.State == campaign.Calling {
		return err
	}
	_, err = s.Settle(ctx, m, v)
	return err
}

func verdict(answer []string) (v campaign.Verdict, err error) {
	switch answer[0] {
	case "OK":
		return campaign.Verdict{Outcome: reset.Accepted, Medium: reset.Email, State: campaign.Accepted}, nil
	case "calls":
		return campaign.Verdict{State: campaign.Calling}, nil
	case "waits":
		return campaign.Verdict{Outcome: reset.UserLimited, Cause: reset.LimitExceededUser, State: campaign.Waiting, Wait: time.Hour, Counts: true}, nil
	case "parks":
		return campaign.Verdict{Outcome: reset.Unanswered, Cause: reset.Timeout, State: campaign.InDoubt, Wait: time.Hour,
			Counts: true, Limit: 1, AtLimit: campaign.Parked}, nil
	}
	v = campaign.Verdict{Outcome: reset.Refused, State: campaign.Dead, Sample: strings.Join(answer[1:], " ")}
	word, halts := strings.CutPrefix(answer[0], "!")
	if halts {
		v.Outcome, v.State = reset.Misconfigured, campaign.Waiting
	}
	v.Cause, err = reset.ParseCause(word)
	return v, err
}
