package roster

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// RejectWriter writes what was left out to a CSV file of mode 0600: line,
// reason, row, and behind them the file, where there are several. The file of
// the rejects appears whole at [RejectWriter.Close] and replaces an older one in
// one step; until then it stands beside it under another name.
//
// Rows are written as they are, but for what a spreadsheet could take for a
// formula: see [Neutral]. Rows that are repaired and loaded again are again what
// they were.
type RejectWriter struct {
	// Files adds a column with the name of the file. It is the last one, so that
	// whoever reads the first three reads both forms.
	Files bool

	path string
	file *os.File
	csv  *csv.Writer
	// temporary is the name to rename from; empty for a device or a pipe,
	// which is written to directly.
	temporary string
}

// NewRejectWriter makes a writer for path. Nothing is written before the first
// reject.
func NewRejectWriter(path string) *RejectWriter { return &RejectWriter{path: path} }

// Write adds a row. It is an [Options.Rejects].
func (w *RejectWriter) Write(r Reject) error {
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	return w.write(strconv.FormatInt(r.Line, 10), r.Reason, Neutral(r.Raw.Reveal()), Neutral(r.File))
}

func (w *RejectWriter) write(line, reason, row, file string) error {
	if w.Files {
		return w.csv.Write([]string{line, reason, row, file})
	}
	return w.csv.Write([]string{line, reason, row})
}

func (w *RejectWriter) open() error {
	info, err := os.Stat(w.path)
	switch {
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "open", Path: w.path, Err: errors.New("the file for rejects is a directory")}
	case err == nil && !info.Mode().IsRegular():
		w.file, err = os.OpenFile(w.path, os.O_WRONLY, 0)
	default:
		err = w.openTemporary()
	}
	if err != nil {
		return err
	}
	w.csv = csv.NewWriter(w.file)
	return w.write("line", "reason", "row", "file")
}

// openTemporary makes the file beside its target: a rename must not leave the
// file system. os.CreateTemp makes it new and with mode 0600.
func (w *RejectWriter) openTemporary() (err error) {
	if target, err := filepath.EvalSymlinks(w.path); err == nil {
		w.path = target
	}
	w.file, err = os.CreateTemp(filepath.Dir(w.path), "."+filepath.Base(w.path)+".*")
	if err == nil {
		w.temporary = w.file.Name()
	}
	return err
}

// Close puts the file in its place. Without rejects there is no file, but one
// of an earlier load is replaced by an empty one: it would tell of rows that
// are not rejected any more.
func (w *RejectWriter) Close() error {
	if w.file == nil {
		if info, err := os.Stat(w.path); err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // there is none that would tell of other rows
		}
		if err := w.open(); err != nil {
			return err
		}
	}
	err := w.finish()
	if err != nil {
		w.Abort()
	}
	w.file = nil
	return err
}

func (w *RejectWriter) finish() error {
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return err
	}
	if w.temporary == "" {
		return w.file.Close()
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	return os.Rename(w.temporary, w.path)
}

// Abort drops what was written and leaves an older file as it is. After Close
// it does nothing.
func (w *RejectWriter) Abort() {
	if w.file == nil {
		return
	}
	_ = w.file.Close()
	if w.temporary != "" {
		_ = os.Remove(w.temporary)
	}
	w.file = nil
}
