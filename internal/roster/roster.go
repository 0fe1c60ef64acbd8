// Package roster reads who is to be reset and packs it for storage.
//
// It promises that every row of its files is accounted for: it is yielded once,
// or it goes to [Options.Rejects] with its line and a reason, or the load is
// refused with an error that names the file and the line. Rows = Users + Rejected +
// Duplicates. No error, reason or statistic holds a value of the file; only
// [Reject.Raw] and the rows do, as [reset.Personal]. A file of any size is read in
// bounded memory: about 3 MiB, what zstd asks for (a window of 8 MiB at most), and 20 to
// 30 bytes a user to know duplicates.
//
// Its weak spot is damaged quoting, where nobody can know what the writer
// meant. A quote that is never closed costs its own line; a quoted field that
// runs over lines which look like rows is rejected line by line, never taken
// for one long remark. Names of columns are printed, so a file without a header
// shows its first line in an error; what looks like an address, a number or an
// id is left out, but a plain word is not told from a column's name.
package roster

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/rekeyhq/rekey/internal/reset"
)

// ChunkRows is how many rows of a campaign one chunk holds.
const ChunkRows = 1024

// Bounds of a file. They are far above any real one, and keep a bomb or a
// damaged file from filling the memory.
const (
	// MaxRecord is the most bytes of a row, its quoted line breaks included.
	MaxRecord = 1 << 20
	// MaxColumns is the most columns of a row.
	MaxColumns = 1000
)

// Row is one user of a file.
type Row struct {
	// Line is the line on which the row begins, from 1, in its own file.
	Line    int64
	Request reset.Request
}

// Options say how a file is read. The zero value reads a file with a header
// for a pool whose usernames are compared without case.
type Options struct {
	// UsernameColumn names the column, or the field of NDJSON, that holds the
	// username. Empty: the first of cognito:username, username, sub, email,
	// phone_number in the header; in NDJSON username.
	UsernameColumn string
	// NoHeader: the file is CSV without a header, its first column is the username.
	NoHeader bool
	// Defaults are the parameters of rows that bring none of their own. Its
	// Username is not used.
	Defaults reset.Request
	// CaseSensitive says how the pool compares usernames.
	CaseSensitive bool
	// Rejects gets every row that is left out; nil drops them. Its error ends
	// the reading.
	Rejects func(Reject) error
	// Counted, if it is not nil, is [Stats].Rows for who looks from elsewhere while
	// the file is read.
	Counted *atomic.Int64
}

// Reject is a row that was left out, and why.
type Reject struct {
	// File is the name of the file; empty where it has none.
	File      string
	Line      int64
	Reason    string
	Duplicate bool
	// Raw is the row as the file has it. It is personal like the rest of it.
	Raw reset.Personal
}

// Format implements [fmt.Formatter]. It leaves the row itself out.
func (r Reject) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprint(f, named(r.File, fmt.Errorf("line %d: %s", r.Line, r.Reason)))
}

// LogValue implements [slog.LogValuer]. It leaves the row itself out.
func (r Reject) LogValue() slog.Value {
	return slog.GroupValue(slog.String("file", r.File), slog.Int64("line", r.Line), slog.String("reason", r.Reason))
}

// Stats say what was read. None of it is personal.
type Stats struct {
	// Rows counts the rows of the files, without headers and blank lines.
	Rows, Rejected, Duplicates, Users int64
	// Columns are the columns that were used, the username's first. Of several
	// files it is those of all.
	Columns []string
	// UsernameColumns are those that usernames were read from: several only where
	// files have different words for it.
	UsernameColumns []string
	// IgnoredColumns are the others.
	IgnoredColumns []string
	// Digest identifies the content: the rows that were accepted, with their
	// parameters, their lines, their order and the way usernames are compared.
	// Compression, names of files, ignored columns and rejected rows do not
	// change it. It is zero until the last file has been read to its end.
	Digest [32]byte
}
