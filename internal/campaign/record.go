package campaign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// State is where a row stands. The numbers stand in ledgers and never change.
type State uint8

// The states of a row. Planned is zero, so a row without a record is planned.
// There will be no others: a record with another number is damaged, and such a
// row is parked. A ledger that had more states would need keys of its own.
const (
	Planned  State = 0
	Calling  State = 1
	Waiting  State = 2
	Accepted State = 3
	Dead     State = 4
	InDoubt  State = 5
	Parked   State = 6 // in doubt until replayed
	Skipped  State = 7
)

// stateFields are the states' names in a campaign's hash, where parked rows
// are counted apart from other doubts.
var stateFields = [...]string{"planned", "calling", "waiting", "accepted", "dead", "in_doubt", "parked", "skipped"}

// String returns the word that people see. A parked row is in doubt for them.
func (s State) String() string {
	switch {
	case s == Parked:
		return InDoubt.String()
	case int(s) < len(stateFields):
		return stateFields[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Final reports whether the row is done with: nothing is called again unless
// an operator replays it.
func (s State) Final() bool { return s == Accepted || s == Dead || s == Parked || s == Skipped }

const (
	recordBytes = 8
	// ledgerBytes is the length of a chunk of the ledger: the records, and two
	// bytes that count the final ones among them. By that count a transition
	// knows when its chunk has no row left to do, without reading 1,024 records
	// and without a key more.
	ledgerBytes = roster.ChunkRows*recordBytes + 2
)

// Record is what the ledger knows of a row, in eight bytes.
type Record struct {
	State State
	// Cause is why the row is there.
	Cause reset.Cause
	// Attempts counts UserLimited answers and doubts together.
	Attempts uint8
	// Free counts the free waits of the same cause in a row, the exponent of
	// the next one. It shares its byte with Medium, which an accepted row has.
	Free   uint8
	Medium reset.Medium
	// At is the time before which a waiting or doubtful row is not called, else
	// the time of the last change. Zero for planned rows.
	At time.Time
}

// ParseRecord reads eight bytes of a ledger; none are a planned row.
func ParseRecord(b []byte) (Record, error) {
	if len(b) == 0 {
		return Record{}, nil
	}
	if len(b) != recordBytes {
		return Record{}, fmt.Errorf("a record of the ledger has %d bytes, want %d", len(b), recordBytes)
	}
	r := Record{State: State(b[0]), Cause: reset.Cause(b[1]), Attempts: b[2]}
	if r.State > Skipped {
		return Record{}, fmt.Errorf("a record of the ledger has the unknown state %d", b[0])
	}
	if r.State == Accepted {
		r.Medium = reset.Medium(b[3])
	} else {
		r.Free = b[3]
	}
	if at := binary.BigEndian.Uint32(b[4:]); at != 0 {
		r.At = time.Unix(int64(at), 0).UTC()
	}
	return r, nil
}

// Bytes writes the record as the ledger holds it.
func (r Record) Bytes() []byte {
	b := []byte{byte(r.State), byte(r.Cause), r.Attempts, r.Free, 0, 0, 0, 0}
	if r.State == Accepted {
		b[3] = byte(r.Medium)
	}
	if !r.At.IsZero() {
		binary.BigEndian.PutUint32(b[4:], uint32(min(max(r.At.Unix(), 0), math.MaxUint32)))
	}
	return b
}

// recordAt reads the record of a slot of a chunk. Without a chunk all its rows are
// planned. The first transition makes it as long as it ever is: what a shorter one
// does not reach was there, and is lost.
func recordAt(chunk []byte, slot int) (Record, error) {
	if len(chunk) == 0 {
		return Record{}, nil
	}
	from := slot * recordBytes
	if len(chunk) < from+recordBytes {
		return Record{}, errCut
	}
	return ParseRecord(chunk[from : from+recordBytes])
}

var errCut = errors.New("it was cut short")
