package campaign

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// modelCampaign is a campaign in Go: who may write its roster, what an operator
// may do with it, and how far it was fed.
type modelCampaign struct {
	state      Status
	generation string
	park, skip bool
	loader     string // the token of the load that may write
	file       int
	deleting   bool
	rows       []Record
	cursor     int64
}

// word is how a command ended: "" or the kind of its refusal.
type word string

const (
	unknownWord word = "unknown"
	stateWord   word = "state"
	confirmWord word = "confirm"
)

func (c *modelCampaign) in(states ...State) (n int64) {
	for _, r := range c.rows {
		if slices.Contains(states, r.State) {
			n++
		}
	}
	return n
}

// ends reports whether its last row is final.
func (c *modelCampaign) ends() bool {
	return (c.state == Running || c.state == Paused) && c.in(Accepted, Dead, Parked, Skipped) == int64(len(c.rows))
}

// loadBegins: the last load to begin is the one that may write. Of a campaign
// that is loaded it only says that it is there.
func (m *model) loadBegins(id, token string) (there bool) {
	c := m.camps[id]
	if c != nil && c.deleting {
		m.deleted(id)
		c = nil
	}
	if c != nil && c.state != Loading {
		return true
	}
	m.camps[id] = &modelCampaign{state: Loading, loader: token}
	return false
}

// mayWrite reports whether the load still holds the campaign.
func (m *model) mayWrite(id, token string) bool {
	c := m.camps[id]
	return c != nil && c.state == Loading && !c.deleting && c.loader == token
}

// mayEnd is mayWrite, and true again for the load whose draft it became.
func (m *model) mayEnd(id, token string) bool {
	c := m.camps[id]
	return c != nil && !c.deleting && c.loader == token
}

// life is what an operator does.
func (m *model) life(id, verb string, confirm int64) word {
	c := m.camps[id]
	if c == nil {
		return unknownWord
	}
	from := map[string][]Status{
		"start": {Draft}, "pause": {Running}, "resume": {Paused}, "cancel": {Draft, Running, Paused},
	}[verb]
	if !slices.Contains(from, c.state) {
		return stateWord
	}
	calling, left, fell := c.in(Calling), c.in(Planned, Waiting, InDoubt), int64(0)
	if c.state == Running {
		fell = 1000
	}
	if verb == "start" && confirm != int64(len(c.rows)) ||
		verb == "cancel" && (confirm < left-calling || confirm > left+calling+fell) {
		return confirmWord
	}
	c.state = map[string]Status{"start": Running, "pause": Paused, "resume": Running, "cancel": Cancelled}[verb]
	return ""
}

// deletionBegins: from here on it is nobody's, and whoever comes next ends it.
func (m *model) deletionBegins(id string, confirm int64) word {
	c := m.camps[id]
	switch {
	case c == nil:
		return unknownWord
	case c.deleting:
		return ""
	case c.state == Running || c.in(Calling) > 0:
		return stateWord
	case c.state != Loading && confirm != int64(len(c.rows)) || c.state == Loading && confirm != 0:
		return confirmWord
	}
	c.state, c.deleting, c.loader = Loading, true, ""
	return ""
}

func (m *model) deleted(id string) {
	generation := m.camps[id].generation
	of := func(key string) bool { return strings.HasPrefix(key, id+"#") && strings.HasSuffix(key, " "+generation) }
	maps.DeleteFunc(m.doubts, func(key string, _ modelCall) bool { return of(key) })
	maps.DeleteFunc(m.later, func(key string, _ int64) bool { return of(key) })
	delete(m.camps, id)
}

// replay puts all dead letters of a campaign back in line.
func (m *model) replay(id string, confirm int64) (n int64, refused word) {
	c := m.camps[id]
	switch {
	case c == nil:
		return 0, unknownWord
	case c.state != Running && c.state != Paused && c.state != Done:
		return 0, stateWord
	case confirm != c.in(Dead, Parked):
		return 0, confirmWord
	}
	for row, r := range c.rows {
		if r.State == Dead || r.State == Parked {
			r = m.becomes(r, Waiting, r.Cause)
			r.Attempts = 0
			m.put(reset.Ref{Campaign: id, Generation: c.generation, Row: int64(row)}, r)
			n++
		}
	}
	if n > 0 && c.state == Done {
		c.state = Running
	}
	return n, ""
}

// modelLease is whose turn it is to feed.
type modelLease struct {
	holder string
	ends   time.Time
}

func (m *model) leases(holder string) bool {
	if m.lease.holder != holder && m.now.Before(m.lease.ends) {
		return false
	}
	m.lease = modelLease{holder, m.now.Add(LeaseFor)}
	return true
}

// ahead is what comes next, from the cursor on.
func (c *modelCampaign) ahead(n int) (rows []int64, next int64) {
	for next = c.cursor; next < int64(len(c.rows)) && len(rows) < n; next++ {
		if c.rows[next].State == Planned {
			rows = append(rows, next)
		}
	}
	return rows, next
}

// advance moves the cursor unless another feeder has.
func (m *model) advance(seen Campaign, to int64) bool {
	c := m.campaign(seen.Ref(0))
	if c == nil || c.cursor != seen.Cursor {
		return false
	}
	c.cursor = to
	return true
}

// due are the rows of later whose time has come, the longest due first.
func (m *model) due(limit int) []string {
	var all []string
	for key, at := range m.later {
		if at <= m.now.Unix() {
			all = append(all, key)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(m.later[a], m.later[b]), strings.Compare(a, b)) })
	return all[:min(limit, len(all))]
}

func (m *model) fed(key string) {
	if at, ok := m.later[key]; ok && at <= m.now.Unix() {
		delete(m.later, key)
	}
}

// behind is what a walk finds behind the cursor that it has seen. It puts into
// later who waits and is not there.
func (m *model) behind(seen Campaign) (planned, due []int64) {
	c := m.campaign(seen.Ref(0))
	if c == nil {
		return nil, nil
	}
	for row, r := range c.rows[:min(seen.Cursor, int64(len(c.rows)))] {
		key := member(seen.Ref(int64(row)))
		_, there := m.later[key]
		switch {
		case r.State == Planned:
			planned = append(planned, int64(row))
		case !held(r.State) || there:
		case r.At.Unix() <= m.now.Unix():
			due = append(due, int64(row))
		default:
			m.later[key] = r.At.Unix()
		}
	}
	return planned, due
}
