package roster

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	first         UsernameColumn
	usernames     []string // the username's columns of those that have been opened
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

// opened compares the file's username column with the first's.
func (f *files) opened(now format) error {
	used, _ := now.names()
	c := UsernameColumn{File: f.name, Column: used[0]}
	if len(f.usernames) == 0 {
		f.first = c
	}
	f.usernames = union(f.usernames, used[:1])
	return f.first.Agrees(c)
}

// UsernameColumn is the column of a file that its usernames are read from.
type UsernameColumn struct{ File, Column string }

// Agrees returns an error if two files call their users by different kinds of
// name. A user who is in both, by name and by e-mail address, would be two, and
// get two codes.
func (c UsernameColumn) Agrees(other UsernameColumn) error {
	if kind(c.Column) == kind(other.Column) {
		return nil
	}
	return fmt.Errorf("%s: the usernames are in column %s, those of %s in column %s: a user by two names would get two codes. "+
		"Name a column that all files have with --username-column, or rename the column if both hold the same kind of name",
		other.File, other.Column, c.File, c.Column)
}

// kind is what a username column holds: Cognito's import file has another word
// for what everybody else calls username.
func kind(column string) string {
	return strings.TrimPrefix(strings.ToLower(column), "cognito:")
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
	if err = named(r.files.name, err); err == nil {
		err = r.files.opened(f)
	}
	if err != nil {
		_ = r.files.close() // the first error says more
		return err
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
