package campaign

import (
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// model is the ledger in Go, without Redis: what PROTOCOL says of Begin and
// Settle, in the order in which it says it. The scripts are compared with it.
type model struct {
	now    time.Time
	hour   reset.Hour
	camps  map[string]*modelCampaign
	calls  map[string]modelCall // by member
	doubts map[string]modelCall
	live   map[string]modelLive // by username
}

type modelCampaign struct {
	park, skip, paused bool
	rows               []Record
}

type modelCall struct {
	token string
	mark  time.Time
}

type modelLive struct {
	member, token string
	ends          time.Time
}

// second rounds up, as a record's not-before is.
func second(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

func (m *model) row(ref reset.Ref) *Record { return &m.camps[ref.Campaign].rows[ref.Row] }

// change makes another record of a row, as of now.
func (m *model) change(r *Record, s State, c reset.Cause) {
	*r = Record{State: s, Cause: c, Attempts: r.Attempts, At: m.now.Truncate(time.Second)}
}

func (m *model) wait(r *Record, c reset.Cause, till time.Time) {
	free := uint8(1)
	if r.Cause == c {
		free = r.Free + 1
	}
	m.change(r, Waiting, c)
	r.Free, r.At = free, till
}

func (m *model) begin(k Mark) Answer {
	c, r, key := m.camps[k.Ref.Campaign], m.row(k.Ref), member(k.Ref)
	call := m.calls[key]
	switch {
	case r.State.Final():
		return AnswerSettled
	case r.State == Calling && call.token == k.Token:
		return AnswerGo
	case c.paused:
		return AnswerStopped
	case r.State == Calling && m.now.Before(call.mark.Add(m.hour.Busy())):
		return AnswerBusy
	case r.State == Calling:
		return m.lost(k.Ref)
	case (r.State == Waiting || r.State == InDoubt) && m.now.Before(r.At):
		return AnswerRest
	}
	// Redis's keys are alive at the very millisecond at which they end, or not;
	// times here have odd milliseconds, and lives do not.
	if live, ok := m.live[k.Username.Reveal()]; ok && m.now.Before(live.ends) {
		return m.hold(c, r, live, key)
	}
	if k.Token == "" { // Hold
		return AnswerFree
	}
	if m.now.After(k.NotAfter) {
		return AnswerLate
	}
	free := r.Free
	m.change(r, Calling, r.Cause)
	r.Free = free
	delete(m.doubts, key)
	m.calls[key] = modelCall{k.Token, m.now}
	m.live[k.Username.Reveal()] = modelLive{key, k.Token, m.now.Add(m.hour.CodeLife())}
	return AnswerGo
}

func (m *model) hold(c *modelCampaign, r *Record, live modelLive, key string) Answer {
	till := live.ends.Truncate(time.Second).Add(time.Second)
	switch {
	case r.State == InDoubt:
		m.change(r, InDoubt, r.Cause)
		r.At = till
	case c.skip && live.member != key:
		m.change(r, Skipped, reset.Live)
		return AnswerSkipped
	default:
		m.wait(r, reset.Live, till)
	}
	return AnswerHeld
}

// lost ends a mark that is too old.
func (m *model) lost(ref reset.Ref) Answer {
	key := member(ref)
	call := m.calls[key]
	delete(m.calls, key)
	m.doubts[key] = call
	r := m.row(ref)
	m.change(r, InDoubt, reset.Lost)
	r.Attempts++
	if m.camps[ref.Campaign].park || r.Attempts >= DoubtLimit {
		r.State = Parked
		return AnswerParked
	}
	r.At = second(call.mark.Add(m.hour.CodeLife()))
	return AnswerDoubt
}

func (m *model) settle(k Mark, v Verdict) (recorded bool) {
	key, r := member(k.Ref), m.row(k.Ref)
	call, late := m.calls[key], false
	if call.token != k.Token {
		call, late = m.doubts[key], true
	}
	if call.token != k.Token || late && m.now.After(call.mark.Add(doubtsKept)) {
		return false
	}
	delete(map[bool]map[string]modelCall{false: m.calls, true: m.doubts}[late], key)
	user := k.Username.Reveal()
	if live := m.live[user]; live.member == key && live.token == k.Token && m.now.Before(live.ends) {
		switch v.Outcome {
		case reset.Accepted:
			live.ends = m.now.Add(m.hour.CodeLife())
			m.live[user] = live
		case reset.Unanswered:
		default:
			delete(m.live, user)
		}
	}
	says := v.Outcome == reset.Accepted || v.Outcome == reset.Refused || v.Outcome == reset.Undeliverable
	if late && r.State != InDoubt && (!says || r.State != Parked && r.State != Waiting) {
		return false
	}
	m.record(k.Ref, v, call, late)
	return true
}

func (m *model) record(ref reset.Ref, v Verdict, call modelCall, late bool) {
	r, state := m.row(ref), v.State
	if late && r.State == InDoubt {
		r.Attempts--
	}
	if v.Counts {
		r.Attempts++
	}
	if v.Counts && r.Attempts >= v.Limit {
		state = v.AtLimit
	} else if state == InDoubt && m.camps[ref.Campaign].park {
		state = Parked
	}
	till := second(m.now.Add(v.Wait))
	if v.Wait == 0 {
		till = m.now.Truncate(time.Second)
	}
	switch {
	case state == Waiting && !v.Counts:
		m.wait(r, v.Cause, till)
	case state == Waiting:
		m.change(r, state, v.Cause)
		r.At = till
	default:
		m.change(r, state, v.Cause)
	}
	if state == Accepted {
		r.Medium = v.Medium
	}
	if state == InDoubt {
		r.At = second(call.mark.Add(v.Wait))
	}
	if !late && (state == InDoubt || state == Parked) {
		m.doubts[member(ref)] = call
	}
}

// look ends every mark that is too old.
func (m *model) look() (n int) {
	for key, call := range m.calls {
		if m.now.Before(call.mark.Add(m.hour.Busy())) {
			continue
		}
		ref, _ := parseMember(key)
		m.lost(ref)
		n++
	}
	return n
}

// replay puts all dead letters of a campaign back in line.
func (m *model) replay(id string) (n int64) {
	for i := range m.camps[id].rows {
		if r := &m.camps[id].rows[i]; r.State == Dead || r.State == Parked {
			m.change(r, Waiting, r.Cause)
			r.Attempts = 0
			n++
		}
	}
	return n
}
