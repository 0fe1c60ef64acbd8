package roster

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// File is one file of a load.
type File struct {
	// Name is what errors and rejects call it; empty where there is only one.
	Name string
	// Open is called once, when the reading comes to the file. An error of the
	// closing is one of the file: it may be known only then that it was
	// written to while it was read.
	Open func() (io.ReadCloser, error)
}

// files is where the reading has come to.
type files struct {
	name          string // of the one that is read
	current       io.Closer
	next          []File
	several       bool
	used, ignored []string // the columns of those that have been read
}

// open opens the next file.
func (f *files) open() (io.Reader, error) {
	file := f.next[0]
	f.next, f.name = f.next[1:], file.Name
	f.several = f.several || len(f.next) > 0
	r, err := file.Open()
	if err == nil {
		f.current = r
	}
	return r, err
}

func (f *files) close() error {
	if f.current == nil {
		return nil
	}
	current := f.current
	f.current = nil
	return current.Close()
}

// leave keeps the columns of the file that has been read.
func (f *files) leave(read format) {
	f.used, f.ignored = f.names(read)
}

// names are the columns of all files that have been opened, each once.
func (f *files) names(current format) (used, ignored []string) {
	used, ignored = current.names()
	return union(f.used, used), union(f.ignored, ignored)
}

func union(before, more []string) []string {
	all := slices.Clone(before)
	for _, name := range more {
		if !slices.Contains(before, name) {
			all = append(all, name)
		}
	}
	return all
}

func (f *files) duplicate() string {
	if f.several {
		return "duplicate: the user is in an earlier line or file"
	}
	return "duplicate: the user is in an earlier line"
}

// named says which file an error is about.
func named(file string, err error) error {
	if err == nil || file == "" {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// nextFile goes on to the next file.
func (r *Reader) nextFile() error {
	in, err := r.files.open()
	if err != nil {
		return err // it names the file
	}
	f, err := openOne(in, r.options)
	if err != nil {
		_ = r.files.close() // the first error says more
		return named(r.files.name, err)
	}
	r.format = f
	return nil
}

// record returns the next record of all files, or io.EOF after the last.
func (r *Reader) record() (record, error) {
	for {
		rec, err := r.format.next()
		if !errors.Is(err, io.EOF) {
			return rec, named(r.files.name, err)
		}
		if err := r.files.close(); err != nil {
			return record{}, named(r.files.name, err)
		}
		if len(r.files.next) == 0 {
			return record{}, io.EOF
		}
		r.files.leave(r.format)
		if err := r.nextFile(); err != nil {
			return record{}, err
		}
	}
}

// Close closes the file that is being read. After the end there is none.
func (r *Reader) Close() error {
	r.ended = true
	return r.files.close()
}
