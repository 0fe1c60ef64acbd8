package reset

import "time"

// Hour is how long Cognito's hour lasts for a pool: the life of a code and the
// span of the per-user limit. It is an hour against AWS; a rehearsal against
// the twin may use less, but not under ten seconds. Everything that hangs on
// that hour is derived here, so that a rehearsal has the proportions of the
// real thing.
type Hour time.Duration

// MinHour is the shortest hour of a rehearsal: a call's deadline is a tenth of
// it, and a deadline under a second would time out good calls.
const MinHour = Hour(10 * time.Second)

// Deadline is how long a call may take, from before its mark was asked for.
func (h Hour) Deadline() time.Duration { return min(10*time.Second, time.Duration(h)/10) }

// Margin is added to an hour before a code is taken for expired: for clocks,
// and for the answer's way back.
func (h Hour) Margin() time.Duration { return max(time.Duration(h)/12, 2*h.Deadline()) }

// Busy is the age at which a mark without an answer is a doubt.
func (h Hour) Busy() time.Duration { return 6 * h.Deadline() }

// LookEvery is how often the feeder looks for marks that old.
func (h Hour) LookEvery() time.Duration { return min(15*time.Second, h.Busy()/4) }

// CodeLife is how long, from the mark, a code that may have been sent is taken
// to be alive.
func (h Hour) CodeLife() time.Duration { return time.Duration(h) + h.Margin() }
