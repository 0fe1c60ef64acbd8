package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/rekeyhq/rekey/internal/reset"
)

// ErrEmpty is what [NewReader] returns for a file without rows.
var ErrEmpty = errors.New("the file is empty: name one with users")

// Reader reads the files of a load, one after the other.
type Reader struct {
	options Options
	files   files
	format  format
	seen    *seen
	digest  *digest
	stats   Stats
	ended   bool
}

// NewReader reads the beginning of r: whether it is compressed with gzip or
// zstd, whether it is CSV or NDJSON, and which columns it has. An error says
// what is wrong with the file as a whole.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	return OpenFiles(o, File{Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }})
}

// OpenFiles is NewReader for several files. Only the beginning of the first is
// read; each of the others is opened when the one before has been read to its
// end. Whoever does not read to the end calls [Reader.Close].
func OpenFiles(o Options, first File, others ...File) (*Reader, error) {
	if o.NoHeader && o.UsernameColumn != "" {
		return nil, errors.New("--no-header and --username-column exclude each other: without a header columns have no names")
	}
	if err := validDefaults(o.Defaults); err != nil {
		return nil, err
	}
	r := &Reader{options: o, files: files{next: append([]File{first}, others...)},
		seen: newSeen(o.CaseSensitive), digest: newDigest(o.CaseSensitive)}
	if err := r.nextFile(); err != nil {
		return nil, err
	}
	return r, nil
}

// openOne reads the beginning of a file.
func openOne(r io.Reader, o Options) (format, error) {
	src, err := open(r)
	if err != nil {
		return nil, err
	}
	if more, err := src.skipBlank(); err != nil || !more {
		if err == nil {
			err = ErrEmpty
		}
		return nil, err
	}
	f, err := openFormat(src, o)
	if err != nil {
		return nil, err
	}
	if more, err := src.skipBlank(); err != nil {
		return nil, err
	} else if !more {
		return nil, errHeaderOnly
	}
	return f, nil
}

// validDefaults spares the operator as many rejects as there are rows.
func validDefaults(defaults reset.Request) error {
	defaults.Username = reset.Hide("x")
	if err := Validate(defaults); err != nil {
		return fmt.Errorf("the parameters for every row: %w", err)
	}
	return nil
}

var errHeaderOnly = &headerOnly{}

// headerOnly is an ErrEmpty that says more.
type headerOnly struct{}

func (*headerOnly) Error() string { return "the file has a header and no rows: name one with users" }
func (*headerOnly) Unwrap() error { return ErrEmpty }

// openFormat tells NDJSON from CSV by the first character. Only CSV can be
// without a header, and there a username may begin with a brace.
func openFormat(src *source, o Options) (format, error) {
	first := bytes.TrimLeft(src.window(), " \t")
	switch {
	case o.NoHeader || len(first) == 0:
		return openCSV(src, o)
	case first[0] == '{':
		return openNDJSON(src, o)
	case first[0] == '[':
		return nil, errors.New("this is a JSON array: write one object a line, without the brackets; jq -c '.[]' does")
	}
	return openCSV(src, o)
}

// Rows yields the valid rows, each user once, and at last an error if the file
// could not be read to its end. Rows and duplicates that are left out go to
// Options.Rejects in between. Rows that bring no metadata of their own share
// the map of the defaults.
func (r *Reader) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for !r.ended {
			row, ok, err := r.next()
			if errors.Is(err, io.EOF) {
				r.stats.Digest = r.digest.end()
				r.ended = true
				return
			}
			if err != nil {
				r.ended = true
				yield(Row{}, err)
				return
			}
			if ok && !yield(row, nil) {
				return
			}
		}
	}
}

// next reads one record; ok says that it is a row to be sent.
func (r *Reader) next() (row Row, ok bool, err error) {
	rec, err := r.record()
	if err != nil {
		return Row{}, false, err
	}
	if rec.reason == "" {
		if err := Validate(rec.request); err != nil {
			rec.reason = err.Error()
		}
	}
	if rec.reason != "" {
		return Row{}, false, r.reject(rec)
	}
	r.count()
	if !r.seen.add(rec.request.Username.Reveal()) {
		r.stats.Duplicates++
		return Row{}, false, r.report(Reject{Line: rec.line, Reason: r.files.duplicate(), Duplicate: true, Raw: reset.Hide(string(rec.raw))})
	}
	r.stats.Users++
	row = Row{Line: rec.line, Request: rec.request}
	r.digest.add(row)
	return row, true, nil
}

func (r *Reader) count() {
	r.stats.Rows++
	if r.options.Counted != nil {
		r.options.Counted.Store(r.stats.Rows)
	}
}

// reject reports a record, or each line of one that may be several rows.
func (r *Reader) reject(rec record) error {
	if !rec.byLine {
		return r.rejectOne(rec.line, rec.reason, rec.raw)
	}
	for line := range bytes.Lines(rec.raw) {
		if err := r.rejectOne(rec.line, rec.reason, trimEnd(line)); err != nil {
			return err
		}
		rec.line++
	}
	return nil
}

func (r *Reader) rejectOne(line int64, reason string, raw []byte) error {
	r.count()
	r.stats.Rejected++
	if r.options.Rejects == nil {
		return nil
	}
	return r.report(Reject{Line: line, Reason: reason, Raw: reset.Hide(string(raw))})
}

func (r *Reader) report(reject Reject) error {
	if r.options.Rejects == nil {
		return nil
	}
	reject.File = r.files.name
	return r.options.Rejects(reject)
}

// Stats returns what has been read so far. The digest is there when Rows has
// come to the end of the file.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Columns, s.IgnoredColumns = r.files.names(r.format)
	s.UsernameColumns = r.files.usernames
	return s
}

// UsernameColumn is the one of the first file.
func (r *Reader) UsernameColumn() UsernameColumn { return r.files.first }
