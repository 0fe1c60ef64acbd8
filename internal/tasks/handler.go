package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"

	"github.com/rekeyhq/rekey/internal/breaker"
	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// maxRounds bounds how often one task stands in line again.
	maxRounds = 20
	// shortRest is waited for in place: the queue's clock ticks in seconds.
	shortRest = 1500 * time.Millisecond
	// poison is how long a row rests on which the handler panicked, or whose
	// data cannot be used.
	poison = 30 * time.Second
	// patience is how often a Redis that is away is asked for again.
	patience = time.Second
)

// ProcessTask implements [asynq.Handler]. It may be given any task any number
// of times: what is to be done stands in the ledger.
func (s *Server) ProcessTask(ctx context.Context, t *asynq.Task) (err error) {
	ref, err := decodePayload(t.Payload())
	if err != nil || t.Type() != TaskType {
		s.log.Warn("a task that is not ours was dropped", "type", t.Type(), "err", err)
		return nil
	}
	defer s.recovered(ref, &err)
	ctx, leave := or(ctx, s.stop.ctx)
	defer leave()
	for range maxRounds {
		err := s.traced(ctx, ref)
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return rest(patience, "many rounds")
}

// recovered keeps a panic from ending the worker. The row is what its mark
// says: unmarked it comes again, marked it is a doubt once the mark is old.
func (s *Server) recovered(ref reset.Ref, err *error) {
	if p := recover(); p != nil {
		s.log.Error("a handler panicked, please report this", "row", ref.String(), "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		*err = rest(poison, "panic")
	}
}

// traced is a round under a span of its own.
func (s *Server) traced(ctx context.Context, ref reset.Ref) error {
	ctx, span := s.tracing.reset(ctx, ref)
	defer span.End()
	return s.round(ctx, ref)
}

// round takes a row through the line and, at most, one call. nil ends the task.
func (s *Server) round(ctx context.Context, ref reset.Ref) error {
	c, ctx, leave, err := s.watch.enter(ctx, ref)
	defer leave()
	if err != nil {
		return s.unread(ctx, ref, err)
	}
	if !mayCall(c, ref) {
		return nil // the walk brings it back
	}
	if goes, err := s.look(ctx, ref); !goes {
		return err
	}
	row, err := s.pool.Store.Request(ctx, ref)
	if err != nil {
		return s.unread(ctx, ref, err)
	}
	if free, err := s.free(ctx, ref, row.Request.Username); !free {
		return err
	}
	turn, err := s.inLine(ctx, c.Priority == campaign.Urgent)
	if err != nil {
		return left(ctx, err)
	}
	defer turn.permit.Unused()
	return s.call(ctx, ref, row.Request, turn)
}

// look keeps a row that is not to be called now from costing a token. Begin
// looks again.
func (s *Server) look(ctx context.Context, ref reset.Ref) (goes bool, err error) {
	r, err := s.pool.Store.Record(ctx, ref)
	switch {
	case errors.As(err, new(campaign.ErrDamaged)):
		return false, s.bury(ctx, ref, reset.LedgerDamaged, err)
	case err != nil:
		return false, s.unread(ctx, ref, err)
	}
	if r.State.Final() || r.State == campaign.Calling {
		return false, nil // done, or its owner or the feeder's look ends it
	}
	wait := r.At.Sub(s.clock.now())
	if r.State == campaign.Planned || wait <= 0 {
		return true, nil
	}
	if wait > shortRest {
		return false, rest(wait, r.State.String())
	}
	if err := pause(ctx, wait); err != nil {
		return false, left(ctx, err)
	}
	return true, nil
}

// free keeps a row whose user holds a live code from costing a token. With a
// second campaign over the same users that would be the quota of a whole night.
func (s *Server) free(ctx context.Context, ref reset.Ref, username reset.Personal) (bool, error) {
	alive, err := s.pool.Store.Alive(ctx, username)
	if err != nil {
		return false, s.unread(ctx, ref, err)
	}
	if !alive {
		return true, nil
	}
	b, err := s.pool.Store.Hold(ctx, ref, username)
	if err != nil {
		return false, s.unread(ctx, ref, err)
	}
	if b.Answer == campaign.AnswerFree {
		return true, nil // it ended in between
	}
	return false, s.held(ref, b)
}

// unread is the fate of a task for which Redis did not tell what is needed.
func (s *Server) unread(ctx context.Context, ref reset.Ref, err error) error {
	var damaged campaign.ErrDamaged
	var expired campaign.ErrExpired
	var unknown campaign.ErrUnknown
	var noKey campaign.ErrNoKey
	switch {
	case ctx.Err() != nil:
		return left(ctx, err)
	case errors.As(err, &unknown) || errors.As(err, new(campaign.ErrDamagedCampaign)):
		return nil // one that is mended is walked over when the feeder sees it
	case errors.As(err, &noKey):
		return s.sealed(noKey)
	case errors.As(err, &damaged) || errors.As(err, &expired):
		return s.bury(ctx, ref, reset.RosterDamaged, err)
	case outage(err):
		// In place: a task that is handed back now may never arrive, and the
		// queue runs what finished during an outage once more.
		s.log.Warn("Redis is away; nothing is sent until it is back", "err", err)
		if err := pause(ctx, patience); err != nil {
			return left(ctx, err)
		}
		return errAgain
	}
	s.log.Error("a row cannot be read", "row", ref.String(), "err", err)
	return rest(poison, "unreadable")
}

// bury ends a row whose request is lost, or of which nobody knows what became.
func (s *Server) bury(ctx context.Context, ref reset.Ref, cause reset.Cause, why error) error {
	s.log.Error("a row is lost", "row", ref.String(), "cause", cause.String(), "err", why)
	err := s.pool.Store.Bury(ctx, ref, cause, "")
	switch {
	case errors.As(err, new(campaign.ErrDamaged)):
		return nil // its whole chunk is: the walk says so
	case err != nil:
		return rest(poison, "cannot be buried")
	}
	return nil
}

// left is the fate of a task whose handler left before its call began.
func left(ctx context.Context, err error) error {
	var l *later
	switch {
	case errors.As(err, &l):
		return err
	case ctx.Err() == nil:
		return rest(poison, err.Error()) // nobody ended it: its line broke
	case errors.Is(context.Cause(ctx), errNotRunning):
		return nil // the walk brings it back
	}
	return &later{why: context.Cause(ctx).Error()} // stopping: another worker may have it at once
}

// turn is the right to make one call now.
type turn struct {
	token  ratelimit.Token
	permit breaker.Permit
}

// inLine stands in line, unless the worker stands aside: then the row is for
// others to take at once.
func (s *Server) inLine(ctx context.Context, urgent bool) (turn, error) {
	here, back := s.aside.line()
	if back {
		s.returned()
	}
	ctx, leave := or(ctx, here)
	defer leave()
	ctx, span := s.tracing.step(ctx, spanWait)
	defer span.End()
	t, err := s.nextTurn(ctx, urgent)
	if err != nil && here.Err() != nil {
		return turn{}, &later{why: errAside.Error()}
	}
	if err == nil && s.aside.startsLow() {
		s.log.Info("Cognito is reached again; nobody called meanwhile, so the rate starts at a tenth")
	}
	return t, err
}

// nextTurn stands in line until it is this row's turn: the ledger has every
// answer, a connection is there, the breaker lets calls through, and the bucket
// has given a token that is still good. The permit comes before the token:
// while the breaker is half-open only its probes cost the fleet tokens.
func (s *Server) nextTurn(ctx context.Context, urgent bool) (turn, error) {
	for {
		if err := s.ready(ctx); err != nil {
			return turn{}, err
		}
		permit, err := s.breaker.Allow()
		if err != nil {
			continue // others were first, or it opened: ready waits for it
		}
		token, err := s.token(ctx, permit, urgent)
		if err == nil && s.usable(token, permit) {
			return turn{token, permit}, nil
		}
		permit.Unused()
		if err != nil && !permit.Stale() {
			return turn{}, err
		}
	}
}

// token waits for the row's turn, as long as the permit stands: handlers that
// stayed in line when the breaker opened would each take a token for nothing
// once the block is over.
func (s *Server) token(ctx context.Context, permit breaker.Permit, urgent bool) (ratelimit.Token, error) {
	began := time.Now()
	ctx, leave := or(ctx, permit.Life())
	defer leave()
	token, err := s.pool.Bucket.Wait(ctx, s.name, urgent)
	if err == nil {
		s.metrics.rateWait.WithLabelValues(s.pool.Quota).Observe(time.Since(began).Seconds())
	}
	return token, err
}

// usable looks at what may have changed while the row stood in line.
func (s *Server) usable(token ratelimit.Token, permit breaker.Permit) bool {
	if !time.Now().Before(token.NotAfter()) || s.trouble.any() {
		s.pool.Bucket.GiveUp(token, ratelimit.ByRedis)
		return false
	}
	return !permit.Stale()
}

// ready returns when a call could be made, were there a token.
func (s *Server) ready(ctx context.Context) error {
	if err := s.trouble.wait(ctx); err != nil {
		return err
	}
	if err := s.breaker.Wait(ctx); err != nil {
		return err
	}
	return s.dial(ctx)
}

// dial makes sure of a connection before standing in line: a token is good for
// a quarter of a second, a handshake may take longer. A failure is one of the
// breaker's, but none of the row's: it was not called.
func (s *Server) dial(ctx context.Context) error {
	err := s.pool.Client.Dial(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	outcome, cause := reset.OutcomeOf(err)
	if n := s.aside.unreached.say(cause); n > 0 {
		s.log.Warn("no connection to Cognito", "cause", cause.String(), "err", err, "tries", n)
	}
	if permit, err := s.breaker.Allow(); err == nil {
		permit.Done(outcome)
	}
	return &later{wait: s.next.rules[reset.Unavailable].wait(0), why: cause.String()}
}
