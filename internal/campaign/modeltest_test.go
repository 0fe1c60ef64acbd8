package campaign

import (
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// model is the ledger in Go, without Redis: what becomes of rows, in the order
// in which the scripts decide it. The scripts are compared with it.
type model struct {
	now    time.Time
	hour   reset.Hour
	camps  map[string]*modelCampaign
	calls  map[string]modelCall // by member
	doubts map[string]modelCall
	live   map[string]modelLive // by username
	later  map[string]int64     // by member, seconds
	lease  modelLease
}

type modelCall struct {
	token string
	mark  time.Time
}

type modelLive struct {
	member, token string
	ends          time.Time
}

func newModel(now time.Time, hour reset.Hour) *model {
	return &model{now: now, hour: hour, camps: map[string]*modelCampaign{}, calls: map[string]modelCall{},
		doubts: map[string]modelCall{}, live: map[string]modelLive{}, later: map[string]int64{}}
}

// second rounds up, as a record's not-before is.
func second(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

func held(s State) bool { return s == Waiting || s == InDoubt }

// campaign is the one that a row is of, or nil if that was deleted, or is about
// to be.
func (m *model) campaign(ref reset.Ref) *modelCampaign {
	if c := m.camps[ref.Campaign]; c != nil && c.generation == ref.Generation && !c.deleting {
		return c
	}
	return nil
}

// put gives a row another record. Who waits for more than a minute is in later.
func (m *model) put(ref reset.Ref, r Record) {
	c, key := m.camps[ref.Campaign], member(ref)
	switch old := c.rows[ref.Row]; {
	case held(r.State) && r.At.Unix() > m.now.Unix()+60:
		m.later[key] = r.At.Unix()
	case held(old.State):
		delete(m.later, key)
	}
	c.rows[ref.Row] = r
	if c.ends() {
		c.state = Done
	}
}

// becomes is r in another state, as of now.
func (m *model) becomes(r Record, s State, c reset.Cause) Record {
	return Record{State: s, Cause: c, Attempts: r.Attempts, At: m.now.Truncate(time.Second)}
}

// waits is r waiting for nothing that counts.
func (m *model) waits(r Record, c reset.Cause, till time.Time) Record {
	next := m.becomes(r, Waiting, c)
	next.Free, next.At = 1, till
	if r.Cause == c {
		next.Free = r.Free + 1
	}
	return next
}

func (m *model) begin(k Mark) Answer {
	c, key := m.campaign(k.Ref), member(k.Ref)
	if c == nil || k.Ref.Row >= int64(len(c.rows)) {
		return AnswerGone
	}
	r, call := c.rows[k.Ref.Row], m.calls[key]
	switch {
	case r.State.Final():
		return AnswerSettled
	case r.State == Calling && call.token == k.Token:
		return AnswerGo
	case c.state != Running:
		return AnswerStopped
	case r.State == Calling && m.now.Before(call.mark.Add(m.hour.Busy())):
		return AnswerBusy
	case r.State == Calling:
		return m.lost(k.Ref)
	case held(r.State) && m.now.Before(r.At):
		return AnswerRest
	}
	// Redis's keys are alive at the very millisecond at which they end, or not;
	// times here have odd milliseconds, and lives do not.
	if live, ok := m.live[k.Username.Reveal()]; ok && m.now.Before(live.ends) {
		return m.hold(k.Ref, live)
	}
	if k.Token == "" { // Hold
		return AnswerFree
	}
	if m.now.After(k.NotAfter) {
		return AnswerLate
	}
	calling := m.becomes(r, Calling, r.Cause)
	calling.Free = r.Free
	m.put(k.Ref, calling)
	delete(m.doubts, key)
	m.calls[key] = modelCall{k.Token, m.now}
	m.live[k.Username.Reveal()] = modelLive{key, k.Token, m.now.Add(m.hour.CodeLife())}
	return AnswerGo
}

// hold: a code of this user is alive.
func (m *model) hold(ref reset.Ref, live modelLive) Answer {
	c, till := m.camps[ref.Campaign], live.ends.Truncate(time.Second).Add(time.Second)
	r := c.rows[ref.Row]
	switch {
	case r.State == InDoubt:
		doubt := m.becomes(r, InDoubt, r.Cause)
		doubt.At = till
		m.put(ref, doubt)
	case c.skip && live.member != member(ref) && m.calls[live.member].token == live.token:
		return AnswerRest
	case c.skip && live.member != member(ref) && m.doubts[live.member].token != live.token:
		m.put(ref, m.becomes(r, Skipped, reset.Live))
		return AnswerSkipped
	default:
		m.put(ref, m.waits(r, reset.Live, till))
	}
	return AnswerHeld
}

// lost ends a mark that is too old.
func (m *model) lost(ref reset.Ref) Answer {
	c, key := m.camps[ref.Campaign], member(ref)
	call := m.calls[key]
	delete(m.calls, key)
	m.doubts[key] = call
	r := m.becomes(c.rows[ref.Row], InDoubt, reset.Lost)
	if r.Attempts++; c.park || r.Attempts >= DoubtLimit {
		r.State = Parked
		m.put(ref, r)
		return AnswerParked
	}
	r.At = second(call.mark.Add(m.hour.CodeLife()))
	m.put(ref, r)
	return AnswerDoubt
}

func (m *model) settle(k Mark, v Verdict) (recorded bool) {
	key := member(k.Ref)
	call, late := m.calls[key], false
	if call.token != k.Token {
		call, late = m.doubts[key], true
	}
	if call.token != k.Token || late && m.now.After(call.mark.Add(doubtsKept)) {
		return false
	}
	delete(map[bool]map[string]modelCall{false: m.calls, true: m.doubts}[late], key)
	m.settleLive(k, v.Outcome)
	c := m.campaign(k.Ref)
	if c == nil {
		return false
	}
	r := c.rows[k.Ref.Row]
	says := v.Outcome == reset.Accepted || v.Outcome == reset.Refused || v.Outcome == reset.Undeliverable
	if late && r.State != InDoubt && (!says || r.State != Parked && r.State != Waiting) {
		return false
	}
	m.record(k.Ref, v, call, late)
	return true
}

// settleLive is what an answer means for the code that the call may have made.
func (m *model) settleLive(k Mark, o reset.Outcome) {
	user := k.Username.Reveal()
	live := m.live[user]
	if live.member != member(k.Ref) || live.token != k.Token || !m.now.Before(live.ends) {
		return
	}
	switch o {
	case reset.Accepted:
		live.ends = m.now.Add(m.hour.CodeLife())
		m.live[user] = live
	case reset.Unanswered:
	default:
		delete(m.live, user)
	}
}

func (m *model) record(ref reset.Ref, v Verdict, call modelCall, late bool) {
	c := m.camps[ref.Campaign]
	r, state := c.rows[ref.Row], v.State
	attempts := r.Attempts
	if late && r.State == InDoubt {
		attempts--
	}
	if v.Counts {
		attempts++
	}
	if v.Counts && attempts >= v.Limit {
		state = v.AtLimit
	} else if state == InDoubt && c.park {
		state = Parked
	}
	till := second(m.now.Add(v.Wait))
	if v.Wait == 0 {
		till = m.now.Truncate(time.Second)
	}
	next := m.becomes(r, state, v.Cause)
	switch {
	case state == Waiting && !v.Counts:
		next = m.waits(r, v.Cause, till)
	case state == Waiting:
		next.At = till
	case state == InDoubt:
		next.At = second(call.mark.Add(v.Wait))
	case state == Accepted:
		next.Medium = v.Medium
	}
	next.Attempts = attempts
	m.put(ref, next)
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
