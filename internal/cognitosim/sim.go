// Package cognitosim is Amazon Cognito's twin: a server that answers
// ForgotPassword and ConfirmForgotPassword as Cognito does, so that the SDK and
// AWS's own command-line client cannot tell the difference. It has users,
// client secrets, the account's quota with other people's calls on it, the limit
// of each user, and every answer that is known of the real one, by script or by
// share.
//
// It promises that its journal has a line for every call that it has seen, made
// before the answer goes out, and that the line says whether the user got a
// message; and that the same seed gives the same answer to the same call
// number. Its weak spot is that it is made from documentation and reports, not
// from Amazon's source: what nobody has written down it cannot know.
package cognitosim

import (
	"sync"
	"time"
)

// Sim is one user pool with its account's quotas. It is an [http.Handler].
type Sim struct {
	o      Options
	people directory
	gate   gate
	closed chan struct{}
	close  sync.Once

	mu       sync.Mutex // one call is decided at a time, so that the journal has their order
	calls    int64
	faults   []Fault
	secrets  []string
	quota    bucket
	post     post
	accounts map[string]*account
	doubles  []Double
	journal  journal
}

// New returns a twin that is ready to serve.
func New(o Options) *Sim {
	o = o.filled()
	return &Sim{
		o:        o,
		people:   newDirectory(o.Users, o.CaseSensitive),
		closed:   make(chan struct{}),
		faults:   o.Faults,
		secrets:  o.ClientSecrets,
		quota:    newBucket(o, time.Now()),
		post:     post{limit: o.DailyEmail},
		accounts: map[string]*account{},
		journal:  newJournal(o),
	}
}

// SetFaults replaces the script, from the next call on.
func (s *Sim) SetFaults(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

// SetSecrets replaces the app client's secrets, as a rotation does. None: the
// client has no secret.
func (s *Sim) SetSecrets(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = secrets
}

// Pause makes every call wait, unseen, until Resume. A caller who leaves
// meanwhile has asked for nothing.
func (s *Sim) Pause() { s.gate.shut() }

// Resume lets the waiting calls in.
func (s *Sim) Resume() { s.gate.open() }

// Calls returns how many calls the twin has seen.
func (s *Sim) Calls() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Journal returns the entries so far, or nothing with [Options.Forget].
func (s *Sim) Journal() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.snapshot()
}

// CallsBySecond returns how many calls came in each second of Unix time.
func (s *Sim) CallsBySecond() map[int64]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.bySecond()
}

// Close lets calls that wait for their time be answered at once, and hangs up
// on those that would never be answered. It does not close the connections.
func (s *Sim) Close() { s.close.Do(func() { close(s.closed) }) }

// gate is a door that is open by default.
type gate struct {
	mu   sync.Mutex
	wait chan struct{} // nil while the gate is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wait == nil {
		g.wait = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wait != nil {
		close(g.wait)
		g.wait = nil
	}
}

// passed returns a channel that is closed once the gate is open, or nil when it
// is open already.
func (g *gate) passed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wait
}
