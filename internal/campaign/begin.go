package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Answer is what Begin says.
type Answer string

// The answers of Begin. Only AnswerGo allows the call.
const (
	// AnswerGo: marked now, or by this very token before.
	AnswerGo Answer = "go"
	// AnswerBusy: another's mark stands and is not old yet.
	AnswerBusy Answer = "busy"
	// AnswerRest: the row's time has not come. Or it may have to be skipped, and a
	// call for its user is under way: what becomes of that decides.
	AnswerRest Answer = "rest"
	// AnswerHeld: a code of this user is alive; the row now waits for its end.
	AnswerHeld Answer = "held"
	// AnswerDoubt, AnswerParked: another's mark was old, and is in doubt now.
	AnswerDoubt  Answer = "doubt"
	AnswerParked Answer = "parked"
	// AnswerSkipped: a code was sent to this user and is alive, and the campaign
	// skips such rows.
	AnswerSkipped Answer = "skipped"
	// AnswerSettled: the row is final.
	AnswerSettled Answer = "settled"
	// AnswerStopped: the campaign does not run, or the pool is halted.
	AnswerStopped Answer = "stopped"
	// AnswerGone: there is no such campaign, or it is another one by now.
	AnswerGone Answer = "gone"
	// AnswerLate: the token's time is over; the row is as it was.
	AnswerLate Answer = "late"
	// AnswerFree: nothing stands in the way of a mark; Hold's alone.
	AnswerFree Answer = "free"
)

// answers says of each answer whether it comes with a time.
var answers = map[Answer]bool{
	AnswerGo: false, AnswerBusy: true, AnswerRest: true, AnswerHeld: true, AnswerDoubt: true,
	AnswerParked: false, AnswerSkipped: false, AnswerSettled: false, AnswerStopped: false,
	AnswerGone: false, AnswerLate: false, AnswerFree: false,
}

// Begun is what became of a mark.
type Begun struct {
	Answer Answer
	// Until is the time, on Redis's clock, to which busy, rest, held and doubt
	// refer; Wait is how far ahead it is.
	Until time.Time
	Wait  time.Duration
	// Before is the row's record as it was. When a repeated Begin finds its own
	// mark, its state is calling; attempts, cause and free waits are the same.
	Before Record
}

// Begin marks a row for a call: from now on the call may have been made. It may
// be repeated with the same token. Only an AnswerGo allows the call.
//
// On an error it is not known whether the mark stands: the caller must not
// call, and settles NotSent. ErrTooFewReplicas is one of them.
func (s *Store) Begin(ctx context.Context, m Mark) (Begun, error) {
	if err := m.validate(); err != nil {
		return Begun{}, err
	}
	r, copies, err := s.mark(ctx, append(s.keys.row(m.Ref), s.liveOf(m.Username)),
		rowArgs(m.Ref, m.Token, m.NotAfter.UnixMilli(), s.busy(), s.codeLife(), DoubtLimit, 1))
	if err != nil {
		return Begun{}, fmt.Errorf("begin %s: %w", m.Ref, err)
	}
	b, err := begun(r)
	if err == nil && b.Answer == AnswerGo && copies < s.pool.WaitReplicas {
		return Begun{}, fmt.Errorf("begin %s: %w", m.Ref, ErrTooFewReplicas{Have: copies, Want: s.pool.WaitReplicas})
	}
	return b, err
}

// Alive reports whether a code of this user is alive: then [Store.Hold] tells
// what becomes of the row. It is a plain look and no script.
func (s *Store) Alive(ctx context.Context, username reset.Personal) (bool, error) {
	n, err := s.rdb.Exists(ctx, s.liveOf(username)).Result()
	if err != nil {
		return false, fmt.Errorf("look for a live code: %w", err)
	}
	return n > 0, nil
}

// Hold is Begin without its mark: it has every reason not to call, and what
// follows from it for the row. So a row whose user holds a code costs no token.
func (s *Store) Hold(ctx context.Context, ref reset.Ref, username reset.Personal) (Begun, error) {
	r, err := s.answer(ctx, 4, "begin", append(s.keys.row(ref), s.liveOf(username)),
		rowArgs(ref, "", 0, s.busy(), s.codeLife(), DoubtLimit, 0)...)
	if err != nil {
		return Begun{}, fmt.Errorf("hold %s: %w", ref, err)
	}
	return begun(r)
}

// mark runs the script. With WaitReplicas it also says how many replicas have
// what it wrote.
func (s *Store) mark(ctx context.Context, keys []string, args []any) (r reply, copies int, err error) {
	if s.pool.WaitReplicas > 0 {
		return s.markAndWait(ctx, keys, args)
	}
	r, err = s.answer(ctx, 4, "begin", keys, args...)
	return r, 0, err
}

func begun(r reply) (Begun, error) {
	b := Begun{Answer: Answer(r.text(0)), Before: r.record(3)}
	until, now := r.int(1), r.int(2)
	timed, known := answers[b.Answer]
	if !known && r.err == nil {
		r.err = errAnswer(r.script, r.values[0])
	}
	if timed {
		b.Until = time.UnixMilli(until).UTC()
		b.Wait = max(0, time.Duration(until-now)*time.Millisecond)
	}
	return b, r.err
}
