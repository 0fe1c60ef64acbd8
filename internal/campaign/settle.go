package campaign

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/internal/reset"
)

// maxSample is how much of an answer's text is kept for each cause.
const maxSample = 200

// Verdict is what an answer means for its row: one line of the table in
// internal/tasks.
type Verdict struct {
	Outcome reset.Outcome
	Cause   reset.Cause
	// Medium is what an accepted call brought.
	Medium reset.Medium
	// Sample is the answer's text, scrubbed of personal data.
	Sample string
	// State is Accepted, Dead, Waiting or InDoubt.
	State State
	// Wait is how long the row is not called: from now when it waits, from the
	// mark when it is in doubt.
	Wait time.Duration
	// Counts: the answer is an attempt. When it brings the attempts to Limit
	// (0: never) the row is AtLimit, Dead or Parked.
	Counts  bool
	Limit   uint8
	AtLimit State
}

func (v Verdict) validate() error {
	switch {
	case v.State != Accepted && v.State != Dead && v.State != Waiting && v.State != InDoubt:
		return fmt.Errorf("no call ends as %s", v.State)
	case v.Limit > 0 && v.AtLimit != Dead && v.AtLimit != Parked:
		return fmt.Errorf("no row ends as %s at its last attempt", v.AtLimit)
	case v.Outcome < reset.Accepted || v.Outcome > reset.NotSent:
		return fmt.Errorf("%s is not an outcome", v.Outcome)
	}
	return nil
}

// Settled is what became of an answer.
type Settled struct {
	// Recorded is false when the answer changed nothing: the mark is somebody
	// else's by now, or was settled before, or the row is parked and stays so.
	Recorded bool
	// Record is the row's, after.
	Record Record
	// Halted is set when this answer halted the pool or the campaign.
	Halted *Halt
	// Done: this answer was the campaign's last.
	Done bool
}

// Settle records what became of a call. It works with memory full, and it must
// be repeated until it succeeds: a mark that nobody settles becomes a doubt.
// Repeating it after a success that was not heard of changes nothing.
func (s *Store) Settle(ctx context.Context, m Mark, v Verdict) (Settled, error) {
	if err := m.validate(); err != nil {
		return Settled{}, err
	}
	if err := v.validate(); err != nil {
		return Settled{}, fmt.Errorf("settle %s: %w", m.Ref, err)
	}
	r, err := s.answer(ctx, 6, "settle", append(s.keys.row(m.Ref), s.liveOf(m.Username)),
		rowArgs(m.Ref, s.verdictArgs(m.Token, v)...)...)
	if err != nil {
		return Settled{}, fmt.Errorf("settle %s: %w", m.Ref, err)
	}
	return settled(r, v)
}

func (s *Store) verdictArgs(token string, v Verdict) []any {
	counts := 0
	if v.Counts {
		counts = 1
	}
	return []any{
		token, v.Outcome.String(), uint8(v.State), uint8(v.Cause), uint8(v.Medium), millis(v.Wait),
		counts, v.Limit, uint8(v.AtLimit), s.codeLife(), cut(v.Sample), v.Cause.String(), nextStep(v.Cause),
	}
}

func settled(r reply, v Verdict) (Settled, error) {
	out := Settled{Record: r.record(1), Done: r.int(5) == 1}
	what, halted := r.text(0), r.text(2)
	switch what {
	case "recorded":
		out.Recorded = true
	case "kept", "unknown", "gone":
	default:
		return out, errAnswer(r.script, what)
	}
	switch halted {
	case "":
	case "pool":
		out.Halted = &Halt{Pool: true, Reason: r.text(3), Next: r.text(4), Cause: v.Cause, Sample: cut(v.Sample)}
	case "campaign":
		out.Halted = &Halt{Reason: r.text(3), Next: r.text(4)}
	default:
		return out, errAnswer(r.script, halted)
	}
	return out, r.err
}

// cut shortens a sample between characters.
func cut(s string) string {
	if len(s) <= maxSample {
		return s
	}
	n := maxSample
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Bury ends a row without a call because it cannot be read: what was never
// called is dead, a doubt is parked, and so is a row whose record is damaged:
// nobody knows whether it was called. A row that is calling or final stays. The
// error is [ErrDamaged] when the ledger's chunk cannot be written either.
func (s *Store) Bury(ctx context.Context, ref reset.Ref, cause reset.Cause, sample string) error {
	what, err := s.run(ctx, "bury", s.keys.row(ref), rowArgs(ref, uint8(cause), cut(sample))...).Text()
	if err != nil {
		return fmt.Errorf("bury %s: %w", ref, s.ofRecord(ref, err))
	}
	switch what {
	case "buried", "other", "gone":
		return nil
	}
	return fmt.Errorf("bury %s: %w", ref, errAnswer("bury", what))
}
