package roster

import (
	"errors"
	"io"
	"iter"
)

// Reader reads one file.
type Reader struct {
	options Options
	stats   Stats
}

// NewReader reads the beginning of r up to the first row.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	return nil, errors.New("not there yet")
}

// Rows yields the valid rows, each user once.
func (r *Reader) Rows() iter.Seq2[Row, error] { return func(func(Row, error) bool) {} }

// Stats returns what was read so far.
func (r *Reader) Stats() Stats { return r.stats }
