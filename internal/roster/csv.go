package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/internal/reset"
)

// record is a row before it is judged.
type record struct {
	line    int64
	raw     []byte // valid until the next record
	reason  string // why it cannot be used; empty when it can
	byLine  bool   // it may be several rows: every line of it is a reject
	request reset.Request
}

// format reads the records of a file.
type format interface {
	// next returns the next record, or io.EOF after the last.
	next() (record, error)
	// names returns the columns that were used and those that were not.
	names() (used, ignored []string)
}

// csvFormat reads CSV as RFC 4180 has it, strictly. encoding/csv is not used: it
// has no bound for a field, reads damaged quoting on to the end of the file, and
// cannot return the row as it stands.
type csvFormat struct {
	src      *source
	scanner  scanner
	columns  columns
	head     []byte // the header as it stands in the file; nil where there is none
	defaults reset.Request
	texts    texts
}

// delimiters are tried on the first line, in this order.
const delimiters = ",;\t"

// openCSV reads the header, or looks at the first row where there is none.
func openCSV(src *source, o Options) (*csvFormat, error) {
	var best, failed *csvFormat
	var size int
	var reason error
	for _, delimiter := range []byte(delimiters) {
		f := &csvFormat{src: src, scanner: scanner{delimiter: delimiter}, defaults: o.Defaults}
		n, err := f.header(o)
		switch {
		case errors.Is(err, tooMany):
			return nil, err
		case err != nil && (failed == nil || f.columns.n > failed.columns.n):
			failed, reason = f, err
		case err == nil && (best == nil || f.betterThan(best, o.NoHeader)):
			best, size = f, n
		}
	}
	if best == nil {
		return nil, reason
	}
	if !o.NoHeader {
		head := src.window()[:size]
		best.head = bytes.Clone(trimEnd(head))
		src.advance(size, countLines(head))
	}
	return best, nil
}

// betterThan compares two delimiters by the first record. A header is split by
// the one that makes the most columns; in a row without a header the one that
// comes first ends the username.
func (f *csvFormat) betterThan(other *csvFormat, noHeader bool) bool {
	if noHeader {
		return len(f.scanner.fields[0]) < len(other.scanner.fields[0])
	}
	return f.columns.n > other.columns.n
}

var tooLong = fault(fmt.Sprintf("has a quote that is not closed within %d bytes", MaxRecord))

// header maps the columns by the first record and returns the record's size.
func (f *csvFormat) header(o Options) (int, error) {
	n, fault, err := f.scan()
	if err != nil {
		return 0, err
	}
	if fault != "" {
		return 0, fmt.Errorf("line %d: the first line %w", f.src.line, fault)
	}
	fields := f.scanner.fields
	f.columns.n = len(fields)
	if o.NoHeader {
		f.columns = firstColumn(len(fields))
		return n, nil
	}
	header := make([]string, len(fields))
	for i, field := range fields {
		header[i] = strings.TrimSpace(string(field))
	}
	mapped, err := mapColumns(header, o.UsernameColumn)
	if err == nil {
		f.columns = mapped
		f.scanner.escapes = f.scanner.delimiter == ',' && isImport(header)
	}
	return n, err
}

func (f *csvFormat) names() (used, ignored []string) { return f.columns.used, f.columns.ignored }

// next implements format.
func (f *csvFormat) next() (record, error) {
	if more, err := f.src.skipBlank(); err != nil || !more {
		if err == nil {
			err = io.EOF
		}
		return record{}, err
	}
	n, fault, err := f.scan()
	if err != nil {
		return record{}, err
	}
	rec := record{line: f.src.line, raw: f.src.window()[:n], reason: string(fault)}
	lines := countLines(rec.raw)
	if fault == "" {
		f.judge(&rec, lines)
	}
	if rec.reason == "" {
		rec.request = f.request()
	}
	f.src.advance(n, lines)
	rec.raw = trimEnd(rec.raw)
	return rec, nil
}

// countLines is fast for the usual record of one line.
func countLines(raw []byte) int64 {
	if bytes.IndexByte(raw, '\n') < len(raw)-1 {
		return int64(bytes.Count(trimEnd(raw), []byte("\n"))) + 1
	}
	return 1
}

// scan splits the next record. Of a damaged one it returns the first line and
// the fault: the lines after it are rows of their own.
func (f *csvFormat) scan() (n int, fault fault, err error) {
	line, err := f.src.peekLine()
	if err != nil {
		return 0, "", err
	}
	if bytes.IndexByte(line, '"') < 0 {
		return len(line), f.scanner.plain(trimEnd(line)), nil
	}
	size := len(line)
	for {
		n, fault = f.scanner.quoted(f.src.window(), f.src.ended())
		switch {
		case fault != "":
			return size, fault, nil
		case n > MaxRecord || n == 0 && f.src.full():
			return size, tooLong, nil
		case n > 0:
			return n, "", nil
		case !f.src.double() && !f.src.ended():
			return 0, "", f.src.failure()
		}
	}
}

// judge finds the records whose shape shows that they are not one row.
func (f *csvFormat) judge(rec *record, lines int64) {
	fields := f.scanner.fields
	if lines > 1 && (len(fields) != f.columns.n || f.swallowed(rec.raw)) {
		rec.byLine = true
		rec.reason = fmt.Sprintf("a quoted field runs on to line %d over what look like rows: is a quote missing?",
			rec.line+lines-1)
		return
	}
	switch {
	case len(fields) != f.columns.n:
		rec.reason = fmt.Sprintf("has %d columns instead of %d", len(fields), f.columns.n)
	case f.head != nil && bytes.Equal(bytes.TrimPrefix(trimEnd(rec.raw), []byte(bom)), f.head):
		rec.reason = "is the header again: name several files rather than joining them"
	}
}

// swallowed reports whether a quoted field holds what looks like another row:
// a line break in the username, or a line with as many columns as a row. So
// that a remark of several lines does not look so, no column may begin with a
// space, as it does after a comma in prose, and the username must be one, with
// an @ if this row's has it.
func (f *csvFormat) swallowed(raw []byte) bool {
	own := f.scanner.fields[f.columns.username]
	if bytes.IndexByte(own, '\n') >= 0 {
		return true
	}
	_, tail, _ := bytes.Cut(raw, []byte("\n"))
	for line := range bytes.Lines(tail) {
		fields := bytes.Split(trimEnd(line), []byte{f.scanner.delimiter})
		if len(fields) == f.columns.n && !slices.ContainsFunc(fields, spaced) &&
			alike(fields[f.columns.username], own) {
			return true
		}
	}
	return false
}

func spaced(field []byte) bool { return bytes.HasPrefix(field, []byte(" ")) }

func alike(name, own []byte) bool {
	return bytes.ContainsRune(name, '@') == bytes.ContainsRune(own, '@') && validUsername(string(name)) == nil
}

// request builds the request of the record that was scanned last. An empty
// cell leaves the default. The marks of [Neutral] are none of a cell's text.
func (f *csvFormat) request() reset.Request {
	req := f.defaults
	req.Username = f.texts.hide(f.scanner.value(f.columns.username))
	f.cell(f.columns.analytics, &req.AnalyticsEndpointID)
	f.cell(f.columns.ip, &req.UserContext.IPAddress)
	f.cell(f.columns.encoded, &req.UserContext.EncodedData)
	own := false
	for _, m := range f.columns.metadata {
		value := f.scanner.value(m.index)
		if len(value) == 0 {
			continue
		}
		if !own {
			req.ClientMetadata = withRoom(f.defaults.ClientMetadata)
			own = true
		}
		req.ClientMetadata[m.key] = f.texts.hide(value)
	}
	return req
}

func (f *csvFormat) cell(i int, p *reset.Personal) {
	if i >= 0 && len(f.scanner.fields[i]) > 0 {
		*p = f.texts.hide(f.scanner.value(i))
	}
}

// withRoom copies the defaults, which rows without parameters of their own share.
func withRoom(defaults map[string]reset.Personal) map[string]reset.Personal {
	if defaults == nil {
		return make(map[string]reset.Personal)
	}
	return maps.Clone(defaults)
}
