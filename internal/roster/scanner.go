package roster

import (
	"bytes"
	"fmt"
)

// scanner splits one record of CSV into fields.
type scanner struct {
	delimiter byte
	escapes   bool     // a backslash before the delimiter takes its meaning away
	fields    [][]byte // of the last record; they point into the data or into text
	text      []byte   // unescaped fields
}

// fault says what is damaged in a record; it is empty when nothing is.
type fault string

// Error implements error, for the header, where a fault is the file's.
func (f fault) Error() string { return string(f) }

var tooMany = fault(fmt.Sprintf("has more than %d columns", MaxColumns))

func faultIn(text string, column int) fault { return fault(fmt.Sprintf(text, column)) }

// plain splits a line without quotes. It returns a fault or nothing.
func (s *scanner) plain(line []byte) (fault fault) {
	s.fields = s.fields[:0]
	for {
		if len(s.fields) == MaxColumns {
			return tooMany
		}
		i := s.cut(line)
		if i < 0 {
			s.fields = append(s.fields, line)
			return ""
		}
		s.fields = append(s.fields, line[:i])
		line = line[i+1:]
	}
}

// cut is the offset of the delimiter that ends the field at the front of data,
// or less than 0.
func (s *scanner) cut(data []byte) int {
	i := bytes.IndexByte(data, s.delimiter)
	for s.escapes && i > 0 && data[i-1] == '\\' {
		next := bytes.IndexByte(data[i+1:], s.delimiter)
		if next < 0 {
			return -1
		}
		i += 1 + next
	}
	return i
}

// value is a field's text, without escapes and without the marks of [Neutral].
// It is valid until the next record.
func (s *scanner) value(i int) []byte {
	field := original(s.fields[i])
	if !s.escapes || bytes.IndexByte(field, '\\') < 0 {
		return field
	}
	return bytes.ReplaceAll(field, []byte{'\\', s.delimiter}, []byte{s.delimiter})
}

// quoted splits the record at the beginning of data and returns its size with
// its line's end. A size of 0 without a fault asks for more data; whole says that
// there is none.
func (s *scanner) quoted(data []byte, whole bool) (size int, fault fault) {
	s.fields, s.text = s.fields[:0], s.text[:0]
	for i := 0; ; {
		if len(s.fields) == MaxColumns {
			return 0, tooMany
		}
		n, fault := s.field(data[i:], whole)
		if n < 0 || fault != "" {
			return 0, fault
		}
		i += n
		switch {
		case i == len(data):
			return i, ""
		case data[i] == s.delimiter:
			i++
		default:
			return lineEnd(data, i), ""
		}
	}
}

// lineEnd is the offset behind the line's end that begins at i, CR or LF.
func lineEnd(data []byte, i int) int {
	if data[i] == '\r' {
		i++
	}
	return min(i+1, len(data))
}

// field reads one field and returns the offset of what ends it: a delimiter, a
// line's end, or the end of the data. Less than 0 asks for more data.
func (s *scanner) field(data []byte, whole bool) (n int, fault fault) {
	if len(data) > 0 && data[0] == '"' {
		return s.quotedField(data, whole)
	}
	n = len(data)
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		n = i
	} else if !whole {
		return -1, ""
	}
	if i := s.cut(data[:n]); i >= 0 {
		n = i
	} else {
		n = len(trimEnd(data[:n]))
	}
	if bytes.IndexByte(data[:n], '"') >= 0 {
		return 0, faultIn("has a quote inside column %d, which is not quoted", len(s.fields)+1)
	}
	s.fields = append(s.fields, data[:n])
	return n, ""
}

// quotedField reads a field that begins with a quote.
func (s *scanner) quotedField(data []byte, whole bool) (n int, fault fault) {
	first := len(s.text)
	for n = 1; ; {
		i := bytes.IndexByte(data[n:], '"')
		if i < 0 || n+i+1 == len(data) && !whole {
			if whole {
				return 0, faultIn("has a quote in column %d that is never closed", len(s.fields)+1)
			}
			return -1, ""
		}
		s.text = append(s.text, data[n:n+i]...)
		n += i + 1
		if n == len(data) || data[n] != '"' {
			break
		}
		s.text = append(s.text, '"')
		n++
	}
	s.fields = append(s.fields, s.text[first:])
	return s.afterQuote(data, n, whole)
}

// afterQuote checks that the field ends where its quotes do.
func (s *scanner) afterQuote(data []byte, n int, whole bool) (int, fault) {
	tail := data[n:]
	switch {
	case len(tail) == 0, tail[0] == s.delimiter, tail[0] == '\n':
		return n, ""
	case tail[0] == '\r' && len(tail) == 1 && !whole:
		return -1, ""
	case tail[0] == '\r' && (len(tail) == 1 || tail[1] == '\n'):
		return n, ""
	}
	return 0, faultIn("has text after the closing quote of column %d", len(s.fields))
}
