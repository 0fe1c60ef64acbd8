package cognitosim

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"
)

// OK is the journal's word for a call that was answered with 200.
const OK = "OK"

// Entry is a line of the journal.
type Entry struct {
	// At is when the call came in. Lines are in this order.
	At time.Time `json:"at"`
	// Call counts from 1; it is what faults are addressed by.
	Call int64 `json:"call"`
	// Operation is empty for ForgotPassword.
	Operation string `json:"operation,omitempty"`
	ClientID  string `json:"client_id"`
	Username  string `json:"username"`
	// Answer is OK, the exception's name, or empty when the caller got none
	// that says anything: a hang-up, silence, a page of HTML.
	Answer string `json:"answer"`
	// Sent says whether a message went to the user. It may be true for a call
	// that was never answered.
	Sent bool `json:"sent"`
	// Input is the whole request, for tests; it is not written out.
	Input Input `json:"-"`
	// UserAgent is the request's header, for tests; it is not written out.
	UserAgent string `json:"-"`
}

// journal keeps the entries and writes them out. A line is one Write to the
// file itself, with no buffer of ours between: killing the twin loses no line
// whose answer has gone out. Losing the whole machine may.
type journal struct {
	w       io.Writer
	forget  bool
	entries []Entry
	seconds map[int64]int
	err     error // the first failed write; nothing is answered after it
}

func newJournal(o Options) journal {
	return journal{w: o.Journal, forget: o.Forget, seconds: map[int64]int{}}
}

func (j *journal) add(e Entry) error {
	j.seconds[e.At.Unix()]++
	if !j.forget {
		j.entries = append(j.entries, e)
	}
	if j.w == nil || j.err != nil {
		return j.err
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.w.Write(append(line, '\n'))
	}
	j.err = err
	return err
}

func (j *journal) snapshot() []Entry { return slices.Clone(j.entries) }

func (j *journal) bySecond() map[int64]int {
	return maps.Clone(j.seconds)
}
