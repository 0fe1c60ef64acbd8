package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	settleTry   = 5 * time.Second        // one attempt to record an answer
	settleFirst = 100 * time.Millisecond // the pause after the first failure, doubling …
	settleMost  = 2 * time.Second        // … to this
)

// call marks the row, makes one request, and records what became of it. From
// the mark on nothing cancels it but its own deadline, which counts from before
// the mark was asked for: however long Redis took, the code's life is counted
// from a time that is not later.
func (s *Server) call(ctx context.Context, ref reset.Ref, req reset.Request, t turn) error {
	deadline := time.Now().Add(s.next.hour.Deadline())
	ctx = context.WithoutCancel(ctx)
	marked, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	mark := campaign.Mark{
		Ref: ref, Token: rand.Text(), Username: req.Username,
		NotAfter: t.token.Server.Add(s.next.hour.Deadline()),
	}
	begun, err := s.begin(marked, mark)
	if err != nil {
		return s.unmarked(ctx, mark, t, err)
	}
	if begun.Answer != campaign.AnswerGo {
		return s.held(ref, begun)
	}
	a := s.request(marked, req, t)
	v := s.next.verdict(a.answer, begun.Before, s.clock.now())
	settled, err := s.settle(ctx, mark, v)
	if err != nil {
		return rest(patience, "not recorded")
	}
	s.consequences(mark.Ref, t, a, settled)
	return s.after(settled, v)
}

// begin asks for the mark.
func (s *Server) begin(ctx context.Context, mark campaign.Mark) (campaign.Begun, error) {
	ctx, span := s.tracing.step(ctx, spanBegin)
	begun, err := s.pool.Store.Begin(ctx, mark)
	endBegin(span, begun, err)
	return begun, err
}

// request makes the one request, and tells breaker and metrics how it went.
func (s *Server) request(ctx context.Context, req reset.Request, t turn) failed {
	ctx, span := s.tracing.call(ctx)
	began := time.Now()
	a := answerOf(s.pool.Client.ForgotPassword(ctx, req, t.token.NotAfter()))
	took := time.Since(began)
	endCall(span, a.answer)
	// An answer long after the deadline says that this process was stopped
	// meanwhile, and nothing about the pool.
	if took < 2*s.next.hour.Deadline() {
		t.permit.Done(a.outcome)
	}
	s.metrics.called(s.name, a.answer, took)
	return a
}

// failed is an answer with the error that it came from.
type failed struct {
	answer
	err error
}

func answerOf(m reset.Medium, err error) failed {
	a := answer{medium: m}
	a.outcome, a.cause = reset.OutcomeOf(err)
	if e, ok := errors.AsType[*reset.Error](err); ok {
		a.code, a.text = e.Code, e.Text
	}
	return failed{a, err}
}

// unmarked is what happens when the reply to Begin was lost, or too few replicas
// have the mark: it may be there or not, so the row is not called, and the mark
// is taken back.
func (s *Server) unmarked(ctx context.Context, mark campaign.Mark, t turn, err error) error {
	s.log.Warn("a mark is not certain; the call is not made", "row", mark.Ref.String(), "err", err)
	s.pool.Bucket.GiveUp(t.token, ratelimit.ByRedis)
	v := s.next.verdict(answer{outcome: reset.NotSent, cause: reset.NotSentCause}, campaign.Record{}, s.clock.now())
	if _, err := s.settle(ctx, mark, v); err != nil {
		return rest(patience, "not recorded")
	}
	if errors.As(err, new(campaign.ErrTooFewReplicas)) {
		s.holdOn()
	}
	return errAgain
}

// holdOn keeps the worker from beginning anything for a moment. Until the
// replicas are back every token would be spent for nothing, and of a day's
// budget as well.
func (s *Server) holdOn() {
	s.trouble.begin()
	defer s.trouble.end()
	_ = pause(s.stop.ctx, patience)
}

// held is the fate of a task whose row Begin did not give away.
func (s *Server) held(ref reset.Ref, b campaign.Begun) error {
	switch b.Answer { //exhaustive:enforce
	case campaign.AnswerGo, campaign.AnswerFree, campaign.AnswerBusy, campaign.AnswerSettled, campaign.AnswerStopped, campaign.AnswerGone:
		// Somebody else's, done, or the walk's to bring back.
	case campaign.AnswerRest, campaign.AnswerHeld:
		return rest(b.Wait, "held until its time")
	case campaign.AnswerLate:
		return errAgain
	case campaign.AnswerDoubt, campaign.AnswerParked, campaign.AnswerSkipped:
		s.log.Info("a row was not called", "row", ref.String(), "answer", string(b.Answer))
	}
	return nil
}

// settle records the answer, however often it takes and also while stopping:
// the ledger may not lose it. It gives up only when the process ends.
func (s *Server) settle(ctx context.Context, mark campaign.Mark, v campaign.Verdict) (settled campaign.Settled, err error) {
	way := trace.SpanFromContext(ctx)
	ctx, span := s.tracing.step(ctx, spanSettle)
	defer func() { endSettle(span, way, settled, err) }()
	if settled, err = s.settleOnce(ctx, mark, v); err == nil {
		return settled, nil
	}
	s.trouble.begin()
	defer s.trouble.end()
	for wait := settleFirst; ; wait = min(2*wait, settleMost) {
		s.log.Error("an answer is not recorded yet; nothing is sent until it is", "row", mark.Ref.String(), "err", err)
		if gone := pause(s.end.ctx, wait); gone != nil {
			return campaign.Settled{}, gone
		}
		if settled, err = s.settleOnce(ctx, mark, v); err == nil {
			return settled, nil
		}
	}
}

func (s *Server) settleOnce(ctx context.Context, mark campaign.Mark, v campaign.Verdict) (campaign.Settled, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTry)
	defer cancel()
	return s.pool.Store.Settle(ctx, mark, v)
}

// after is the fate of the task once its row's answer is recorded. It goes by
// the record alone: when the reply to Settle was lost, its repetition finds the
// answer recorded, and says that it recorded nothing.
func (s *Server) after(settled campaign.Settled, v campaign.Verdict) error {
	r := settled.Record
	if r.State != campaign.Waiting && r.State != campaign.InDoubt {
		return nil
	}
	if v.Outcome == reset.NotSent {
		return errAgain
	}
	return rest(r.At.Sub(s.clock.now()), r.State.String())
}

// consequences are what an answer means for others than its row.
func (s *Server) consequences(ref reset.Ref, t turn, a failed, settled campaign.Settled) {
	s.say(ref, a, settled)
	ctx, cancel := context.WithTimeout(context.Background(), settleTry)
	defer cancel()
	switch a.outcome { //exhaustive:enforce
	case reset.Accepted, reset.Refused, reset.Undeliverable, reset.UserLimited, reset.Unavailable, reset.Unanswered, reset.Misconfigured:
		// The row's, the breaker's, or the streak's.
	case reset.Throttled:
		if _, err := s.pool.Bucket.Throttled(ctx, t.token); err != nil {
			s.log.Warn("a throttle was not noted", "err", err)
		}
	case reset.QuotaSpent:
		s.block(ctx, s.next.quotaReturns(a.cause, s.clock.now()), a.cause.String())
	case reset.NotSent:
		// A rotated secret used its token: Cognito answered.
		if a.cause != reset.NotAuthorizedSecretHash {
			s.pool.Bucket.GiveUp(t.token, whyNotSent(a.err))
		}
	}
	if settled.Halted != nil {
		s.streak.forget()
		s.log.Error("halted", "reason", settled.Halted.Reason, "cause", settled.Halted.Cause.String(), "sample", settled.Halted.Sample, "next", settled.Halted.Next)
		return
	}
	if s.streak.note(a.outcome, ref) {
		s.bench(ctx, a.cause)
	}
}

func whyNotSent(err error) ratelimit.GiveUpReason {
	if errors.Is(err, cognito.ErrNoConnection) {
		return ratelimit.ByConnection
	}
	return ratelimit.ByRedis
}

// block keeps the pool from calling, in every worker.
func (s *Server) block(ctx context.Context, d time.Duration, why string) {
	if err := s.pool.Bucket.Block(ctx, s.name, d, why); err != nil {
		s.log.Warn("the pool was not blocked", "err", err)
	}
	s.lookAtBucket(ctx) // the feeder stops at once
}
