package cognitosim

import (
	"io"
	"time"
)

// DefaultClientID is the app client of a twin that was given none.
const DefaultClientID = "rekeytwin"

// Options are what a twin is made of. The zero value is a pool without users
// behind the default quota.
type Options struct {
	// ClientIDs are the app clients; none means DefaultClientID alone.
	ClientIDs []string
	// ClientSecrets are the secrets of every client: none, one, or two during a rotation.
	ClientSecrets []string
	Users         Users
	// CaseSensitive makes "Ann" and "ann" two users.
	CaseSensitive bool
	// HideUnknown is PreventUserExistenceErrors=ENABLED: whoever is not known,
	// disabled or cannot be reached gets a 200 and no message.
	HideUnknown bool
	// RequireUserAgent refuses a request without a User-Agent, as the common
	// WAF rule set does.
	RequireUserAgent bool

	// Quota is the account's calls a second: 0 means Cognito's 30, less than 0 none.
	Quota float64
	// Burst is how many calls may come at once; 0 means a tenth of a second's worth.
	Burst int
	// Others are other people's calls on the same quota; none means nobody.
	Others Others
	// PerUserHour is how many attempts a user has in an hour: 0 means 5, less than 0 any number.
	PerUserHour int
	// DailyEmail is how many e-mails the account sends a day; 0 means any number.
	DailyEmail int

	// Hour is how long Cognito's hour lasts: the life of a code and the span
	// of the users' limit. 0 means an hour.
	Hour time.Duration
	// Latency is the mean time to an answer; a single one takes from a half to
	// one and a half of it.
	Latency time.Duration

	// Faults is the script; see Fault.
	Faults []Fault
	// Form is how errors name their type on the wire; "" means Bare.
	Form Form
	// Seed decides every chance, together with the number of the call.
	Seed uint64
	// Journal gets a JSON line for each call, in one Write each.
	Journal io.Writer
	// Forget keeps no journal in memory: for runs of millions of calls.
	Forget bool
}

// filled returns the options with their defaults in place.
func (o Options) filled() Options {
	if len(o.ClientIDs) == 0 {
		o.ClientIDs = []string{DefaultClientID}
	}
	if o.Quota == 0 {
		o.Quota = 30
	}
	if o.Burst == 0 {
		// Cognito throttles bursts well below a second's worth.
		o.Burst = max(2, int(o.Quota/10))
	}
	if o.PerUserHour == 0 {
		o.PerUserHour = 5
	}
	if o.Hour == 0 {
		o.Hour = time.Hour
	}
	return o
}
