package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// source hands out the lines of a stream from one buffer that never grows
// beyond a row's bound.
type source struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // what ended the stream, io.EOF included
	line       int64 // the line at start, from 1
}

const firstBuffer = 128 << 10

// noProgress is how often a reader may answer with nothing before it is taken
// for broken.
const noProgress = 100

func newSource(r io.Reader) *source {
	return &source{r: r, buf: make([]byte, firstBuffer), line: 1}
}

// window is what has been read and not yet consumed.
func (s *source) window() []byte { return s.buf[s.start:s.end] }

// ended reports whether the window reaches to the end of the file.
func (s *source) ended() bool { return errors.Is(s.err, io.EOF) }

// full reports whether the window holds as much as a row may have.
func (s *source) full() bool { return s.end-s.start > MaxRecord }

// more makes the window longer. It returns false when it cannot be.
func (s *source) more() bool {
	if s.err != nil || s.full() {
		return false
	}
	if s.end == len(s.buf) {
		s.makeRoom()
	}
	for range noProgress {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		s.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// double makes the window twice as long, or as long as it can be: whoever starts
// afresh on the longer window does so a few times and not for every read.
func (s *source) double() bool {
	before := s.end - s.start
	for s.end-s.start < 2*before && s.more() {
	}
	return s.end-s.start > before
}

// makeRoom moves the window to the buffer's front, and doubles the buffer when
// more than half of it is taken.
func (s *source) makeRoom() {
	buf := s.buf
	if 2*(s.end-s.start) > len(buf) {
		buf = make([]byte, 2*len(buf))
	}
	s.end = copy(buf, s.window())
	s.start, s.buf = 0, buf
}

// peekLine returns the next line, its end included. The error is io.EOF after
// the last one. A line that the stream broke off is not returned.
func (s *source) peekLine() ([]byte, error) {
	for from := 0; ; {
		w := s.window()
		if i := bytes.IndexByte(w[from:], '\n'); i >= 0 && from+i <= MaxRecord {
			return w[:from+i+1], nil
		}
		from = len(w)
		if s.more() {
			continue
		}
		switch {
		case s.full():
			return nil, fmt.Errorf("line %d is longer than %d bytes: is this a list of users?", s.line, MaxRecord)
		case !s.ended():
			return nil, s.failure()
		case from == 0:
			return nil, io.EOF
		}
		return w, nil
	}
}

// failure says why the stream broke off.
func (s *source) failure() error {
	switch {
	case errors.Is(s.err, syscall.EISDIR):
		return errors.New("this is a directory: name a file")
	case errors.Is(s.err, errWindow):
		return s.err
	case errors.Is(s.err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: the file is cut off", s.line)
	}
	return fmt.Errorf("line %d: cannot read on: %w", s.line, s.err)
}

// advance consumes n bytes of the window that hold so many lines.
func (s *source) advance(n int, lines int64) {
	s.start += n
	s.line += lines
}

// skipBlank consumes blank lines and reports whether anything follows.
func (s *source) skipBlank() (bool, error) {
	for {
		line, err := s.peekLine()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(trimEnd(line)) > 0 {
			return true, nil
		}
		s.advance(len(line), 1)
	}
}

// trimEnd cuts a line's end, LF or CRLF.
func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}
