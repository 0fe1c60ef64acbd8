package campaign

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rekeyhq/rekey/internal/roster"
)

// ErrUnknown says that there is no campaign of that id.
type ErrUnknown struct {
	ID, Pool string
}

// Error implements error.
func (e ErrUnknown) Error() string {
	if e.Pool == "" {
		return fmt.Sprintf("there is no campaign %s in this Redis", e.ID)
	}
	return fmt.Sprintf("there is no campaign %s in pool %s", e.ID, e.Pool)
}

// ErrTaken says that another pool has a campaign of that id: ids are unique in
// a Redis, so that every command finds the pool by the id.
type ErrTaken struct {
	ID, Pool string
}

// Error implements error.
func (e ErrTaken) Error() string {
	return fmt.Sprintf("the id %s belongs to pool %s; choose another, or free it:  campaign delete %s --pool %s", e.ID, e.Pool, e.ID, e.Pool)
}

// ErrState says that a campaign's state does not allow what was asked for.
type ErrState struct {
	ID   string
	Have Status
	// Want is what was asked for: start, pause, resume, …
	Want string
	// Why says more where the state alone does not explain it.
	Why string
	// Possible is what could be asked for instead.
	Possible []string
}

// Error implements error.
func (e ErrState) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s", e.ID, e.Have)
	if e.Why != "" {
		fmt.Fprintf(&b, " (%s)", e.Why)
	}
	fmt.Fprintf(&b, " and cannot %s", e.Want)
	if len(e.Possible) > 0 {
		fmt.Fprintf(&b, "; possible now: %s", strings.Join(e.Possible, ", "))
	}
	return b.String()
}

// ErrConfirm says that the number to confirm is another one. Nothing was changed.
type ErrConfirm struct {
	ID string
	// Have is what was confirmed, Want is the right number.
	Have, Want int64
	// Of says what is counted.
	Of string
}

// Error implements error.
func (e ErrConfirm) Error() string {
	return fmt.Sprintf("%s: the number to confirm is %d (%s), not %d; nothing was changed", e.ID, e.Want, e.Of, e.Have)
}

// ErrOtherContent says that a campaign of that id was loaded from something else.
type ErrOtherContent struct {
	ID string
	// What differs: the rows, or a rule by its flag's name.
	What string
	// Have is the campaign's, Given is the load's. Both are empty for the rows.
	Have, Given string
}

// Error implements error.
func (e ErrOtherContent) Error() string {
	next := fmt.Sprintf("load under another id, or remove it first:  campaign delete %s", e.ID)
	if e.Have == "" && e.Given == "" {
		return fmt.Sprintf("%s is loaded already, with other %s: %s", e.ID, e.What, next)
	}
	return fmt.Sprintf("%s is loaded already, with %s %s and not %s: %s", e.ID, e.What, e.Have, e.Given, next)
}

// ErrRejects says that too many rows of a file were rejected. Nothing of the
// load stays.
type ErrRejects struct {
	Rejected, Rows int64
	Limit          MaxRejects
}

// Error implements error.
func (e ErrRejects) Error() string {
	return fmt.Sprintf("%d of %d rows were rejected, more than --max-rejects %s; nothing was loaded: see the rejects file, repair the rows or raise the limit",
		e.Rejected, e.Rows, e.Limit)
}

// ErrNobody says that a file has no user. Nothing of the load stays.
type ErrNobody struct {
	ID   string
	Rows int64
}

// Error implements error.
func (e ErrNobody) Error() string {
	return fmt.Sprintf("%s: none of the file's %d rows names a user; nothing was loaded: see the rejects file, or name the column with --username-column", e.ID, e.Rows)
}

// ErrStale says that this load was overtaken: the same campaign was loaded
// again or deleted while it ran, and it can write no more.
type ErrStale struct{ ID string }

// Error implements error.
func (e ErrStale) Error() string {
	return fmt.Sprintf("this load of %s was overtaken by another one, or the campaign was deleted; it has stopped: see what is there with  campaign show %s", e.ID, e.ID)
}

// ErrDamaged says that a stored chunk of a roster or a ledger cannot be read.
// Its rows are lost to rekey, no others are.
type ErrDamaged struct {
	// Key is the chunk's in Redis.
	Key string
	// Ledger: it is a chunk of the ledger. A roster never changes; an older copy of
	// the ledger has forgotten calls.
	Ledger bool
	// Campaign and the rows that the chunk holds.
	Campaign    string
	First, Last int64
	Err         error
}

// Error implements error.
func (e ErrDamaged) Error() string {
	rows := fmt.Sprintf("rows %d to %d", e.First, e.Last)
	if e.First == e.Last {
		rows = fmt.Sprintf("row %d", e.First)
	}
	next := "put this key alone back from a backup of Redis, or load these users again under another id"
	if e.Ledger {
		next = "put no older copy back, it has forgotten calls; what ends as LedgerDamaged can be replayed once a code's life is over"
	}
	return fmt.Sprintf("%s of %s cannot be read, %s is damaged: %v; %s", rows, e.Campaign, e.Key, e.Err, next)
}

// Unwrap returns the error underneath.
func (e ErrDamaged) Unwrap() error { return e.Err }

// ErrHoles says that Redis lost chunks of a roster that it had acknowledged.
type ErrHoles struct {
	ID    string
	State Status
	// Missing chunks, of so many.
	Missing, Chunks int64
	// First is the first row that is lost.
	First int64
}

// Error implements error.
func (e ErrHoles) Error() string {
	lost := fmt.Sprintf("pieces of its roster are missing in Redis: %d of %d, the first with rows %d to %d",
		e.Missing, e.Chunks, e.First, e.First+roster.ChunkRows-1)
	if e.State == Loading || e.State == Draft {
		return lost + ". Nothing was sent. Find out why (a failover, evictions, another program), then load the file again under this id"
	}
	return fmt.Sprintf("%s is loaded already and is %s, but %s. Those of their users who were not called end as RosterDamaged: "+
		"restore the pieces from a backup of Redis, or load these users again under another id", e.ID, e.State, lost)
}

// ErrForeign says that a list of rows held members that rekey did not write.
// They were dropped; the rows beside them are not touched.
type ErrForeign struct {
	Key     string
	Members []string
}

// Error implements error.
func (e ErrForeign) Error() string {
	return fmt.Sprintf("%d members of %s are not rekey's, the first is %.100q; they were dropped: give rekey a Redis, or a database, of its own",
		len(e.Members), e.Key, e.Members[0])
}

// ErrNoKey says that rows are sealed with a roster key that is not there.
// Nothing of them is lost, and others of the campaign may be readable.
type ErrNoKey struct {
	Campaign    string
	First, Last int64
	Err         roster.ErrNoKey
}

// Error implements error.
func (e ErrNoKey) Error() string {
	return fmt.Sprintf("rows %d to %d of %s cannot be read, they are %v", e.First, e.Last, e.Campaign, e.Err)
}

// Unwrap returns the error underneath.
func (e ErrNoKey) Unwrap() error { return e.Err }

// ErrExpired says that a campaign's roster was deleted after the pool's
// retention: who its rows are is no longer known.
type ErrExpired struct{ ID string }

// Error implements error.
func (e ErrExpired) Error() string {
	return fmt.Sprintf("the roster of %s was deleted after the pool's retention; its ledger stays: load the file again under another id to reset its users once more", e.ID)
}

// Unreadable reports whether an error is about rows or campaigns that cannot be
// read, so that others can: [ErrDamaged], [ErrNoKey], [ErrForeign] and
// [ErrDamagedCampaign].
func Unreadable(err error) bool {
	return errors.As(err, new(ErrDamaged)) || errors.As(err, new(ErrNoKey)) || errors.As(err, new(ErrForeign)) ||
		errors.As(err, new(ErrDamagedCampaign))
}
