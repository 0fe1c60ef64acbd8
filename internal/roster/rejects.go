package roster

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// RejectWriter writes what was left out to a CSV file of mode 0600: line,
// reason, row, and behind them the file, where there are several. The file of
// the rejects appears whole at [RejectWriter.Close] and replaces an older one in
// one step; until then it stands beside it, as .NAME.part. What a load that was
// killed left under that name the next one removes. Of two writers at once the
// later one has it, and the earlier one's Close is an error.
//
// Rows are written as they are, but for what a spreadsheet could take for a
// formula: see [Neutral]. Rows that are repaired and loaded again are again what
// they were.
type RejectWriter struct {
	// Files adds a column with the name of the file. It is the last one, so that
	// whoever reads the first three reads both forms.
	Files bool

	// out, or else the file at path.
	out  io.Writer
	path string
	file *os.File
	csv  *csv.Writer // nil before the first reject
	// part is the name to rename from; empty for a device or a pipe, which is
	// written to directly.
	part string
}

// NewRejectWriter makes a writer for path. Nothing is written before the first
// reject.
func NewRejectWriter(path string) *RejectWriter { return &RejectWriter{path: path} }

// NewRejectStream makes a writer for what is not a file: out gets the rejects as
// they come.
func NewRejectStream(out io.Writer) *RejectWriter { return &RejectWriter{out: out} }

// Write adds a row. It is an [Options.Rejects].
func (w *RejectWriter) Write(r Reject) error {
	if w.csv == nil {
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
	out := w.out
	if out == nil {
		if err := w.openFile(); err != nil {
			return err
		}
		out = w.file
	}
	w.csv = csv.NewWriter(out)
	return w.write("line", "reason", "row", "file")
}

func (w *RejectWriter) openFile() error {
	info, err := os.Stat(w.path)
	switch {
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "open", Path: w.path, Err: errors.New("the file for rejects is a directory")}
	case err == nil && !info.Mode().IsRegular():
		w.file, err = os.OpenFile(w.path, os.O_WRONLY, 0)
	default:
		err = w.openPart()
	}
	return err
}

// openPart makes the file beside its target: a rename must not leave the file
// system. It is always a new one, nothing that somebody else put or opened there.
func (w *RejectWriter) openPart() error {
	part, err := w.sweep()
	if err != nil {
		return err
	}
	if w.file, err = os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		w.part = part
	}
	return err
}

// sweep removes what a load that was killed left: a list of users, in clear. Its
// name is always the same, so that it can be found, and never more than one.
func (w *RejectWriter) sweep() (part string, err error) {
	if target, err := filepath.EvalSymlinks(w.path); err == nil {
		w.path = target
	}
	part = filepath.Join(filepath.Dir(w.path), "."+filepath.Base(w.path)+".part")
	if _, err := os.Lstat(part); err != nil {
		return part, nil //nolint:nilerr // not there, or not to be made either
	}
	if err := os.Remove(part); err != nil {
		return "", fmt.Errorf("remove what an earlier load left: %w", err)
	}
	return part, nil
}

// mine reports whether the part is still this writer's, and no later one's.
func (w *RejectWriter) mine() bool {
	there, err1 := os.Lstat(w.part)
	own, err2 := w.file.Stat()
	return err1 == nil && err2 == nil && os.SameFile(there, own)
}

// Close puts the file in its place. Without rejects there is no file, but one
// of an earlier load is replaced by an empty one: it would tell of rows that
// are not rejected any more.
func (w *RejectWriter) Close() error {
	if w.csv == nil {
		if stale, err := w.stale(); err != nil || !stale {
			return err
		}
		if err := w.open(); err != nil {
			return err
		}
	}
	err := w.finish()
	if err != nil {
		w.Abort()
	}
	w.csv, w.file = nil, nil
	return err
}

// stale reports whether there is a file that would tell of other rows.
func (w *RejectWriter) stale() (bool, error) {
	if w.out != nil {
		return false, nil
	}
	info, err := os.Stat(w.path)
	if err == nil && !info.Mode().IsRegular() {
		return false, nil
	}
	_, sweepErr := w.sweep()
	return err == nil, sweepErr
}

func (w *RejectWriter) finish() error {
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return err
	}
	switch {
	case w.file == nil:
		return nil
	case w.part == "":
		return w.file.Close()
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if !w.mine() {
		return fmt.Errorf("another load writes its rejects to %s: name another file with --rejects", w.path)
	}
	err := w.file.Close()
	if err == nil {
		err = os.Rename(w.part, w.path)
	}
	if err != nil {
		_ = os.Remove(w.part) // there is a first error already
	}
	return err
}

// Abort drops what was written and leaves an older file as it is. After Close
// it does nothing.
func (w *RejectWriter) Abort() {
	if w.file == nil {
		return
	}
	mine := w.part != "" && w.mine()
	_ = w.file.Close()
	if mine {
		_ = os.Remove(w.part)
	}
	w.csv, w.file = nil, nil
}
