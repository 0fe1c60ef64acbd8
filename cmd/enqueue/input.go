package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/roster"
)

const (
	// stdin is FILE for what is piped in.
	stdin = "-"
	// stdout is --rejects for what is piped out.
	stdout = "-"
)

// input is what is loaded, as it is read.
type input struct {
	files    []*inputFile
	rejects  *roster.RejectWriter
	path     string // of the rejects; "stdout" if they go there
	reader   *roster.Reader
	progress *progress
}

// input looks at all files and reads the beginning of each that can be read
// twice, so that one that cannot be a list is refused before anything is
// connected or written: of fifty the last too.
func (c *command) input(ctx context.Context, t *target, paths []string) (*input, error) {
	defaults, err := c.defaults()
	if err != nil {
		return nil, err
	}
	in := &input{}
	if err := in.find(paths); err != nil {
		return nil, err
	}
	if err := c.rejectsOf(in); err != nil {
		return nil, err
	}
	o := roster.Options{UsernameColumn: c.usernameColumn, NoHeader: c.noHeader, Defaults: defaults,
		CaseSensitive: t.pool.CaseSensitive, Rejects: in.rejects.Write}
	columns, err := in.check(o)
	if err != nil {
		return nil, err
	}
	in.progress = c.loading(in)
	o.Counted = &in.progress.rows
	files := in.rosterFiles(ctx, c.Stdin)
	in.reader, err = roster.OpenFiles(o, files[0], files[1:]...)
	for i := 0; i < len(columns) && err == nil; i++ {
		err = in.reader.UsernameColumn().Agrees(columns[i])
	}
	if err != nil {
		in.close()
		return nil, again(err, "interrupted; nothing has been loaded")
	}
	return in, nil
}

// rejectsOf says where the rejects of what is loaded go.
func (c *command) rejectsOf(in *input) error {
	if in.path = cmp.Or(c.rejects, c.campaign+".rejects.csv"); in.path == stdout {
		in.rejects, in.path = roster.NewRejectStream(c.Stdout), "stdout"
	} else {
		in.rejects = roster.NewRejectWriter(in.path)
		if info, err := os.Stat(in.path); err == nil && slices.ContainsFunc(in.files, (&inputFile{path: in.path, info: info}).same) {
			return cli.Usage("--rejects names a file that is loaded; name another one")
		}
	}
	in.rejects.Files = len(in.files) > 1
	return nil
}

func (in *input) close() {
	in.progress.end()
	in.rejects.Abort()
	if in.reader != nil {
		_ = in.reader.Close() // it was only read
	}
}

// name is what all that is loaded is called.
func (in *input) name() string {
	if n := len(in.files); n > 1 {
		return cli.Count(n) + " files"
	}
	return filepath.Base(in.files[0].name())
}

// inputFile is one FILE.
type inputFile struct {
	path string
	info fs.FileInfo // nil for stdin
}

func (f *inputFile) name() string {
	if f.path == stdin {
		return "stdin"
	}
	return f.path
}

// regular reports whether the file has a size and can be read twice.
func (f *inputFile) regular() bool { return f.info != nil && f.info.Mode().IsRegular() }

// find looks for the files, and refuses what must be a slip.
func (in *input) find(paths []string) error {
	for _, path := range paths {
		f := &inputFile{path: path}
		if path != stdin {
			info, err := stat(path)
			if err != nil {
				return err
			}
			f.info = info
		}
		if slices.ContainsFunc(in.files, f.same) {
			return cli.Usage("%s is named twice", path)
		}
		in.files = append(in.files, f)
	}
	return nil
}

func stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory; name a file", path)
	}
	return info, nil
}

func (f *inputFile) same(other *inputFile) bool {
	if f.info == nil || other.info == nil {
		return f.info == nil && other.info == nil
	}
	return os.SameFile(f.info, other.info)
}

// check reads the beginnings of the files after the first that can be read
// twice, and returns where their usernames are.
func (in *input) check(o roster.Options) ([]roster.UsernameColumn, error) {
	o.Rejects = nil
	var columns []roster.UsernameColumn
	for _, f := range in.files[1:] {
		if !f.regular() {
			continue
		}
		r, err := roster.OpenFiles(o, roster.File{Name: f.name(), Open: func() (io.ReadCloser, error) { return os.Open(f.path) }})
		if err != nil {
			return nil, err
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
		columns = append(columns, r.UsernameColumn())
	}
	return columns, nil
}

// rosterFiles are the files as the roster reads them.
func (in *input) rosterFiles(ctx context.Context, stdin io.Reader) []roster.File {
	all := make([]roster.File, 0, len(in.files))
	for _, f := range in.files {
		all = append(all, roster.File{Name: f.name(), Open: func() (io.ReadCloser, error) {
			r, err := f.open(ctx, stdin)
			if err != nil {
				return nil, err
			}
			return &watched{ReadCloser: r, in: in}, nil
		}})
	}
	return all
}

// open opens a file for a reading that ends with ctx. A pipe may have nobody at
// its other end yet, and is opened by its first read.
func (f *inputFile) open(ctx context.Context, stdin io.Reader) (io.ReadCloser, error) {
	switch {
	case f.info == nil:
		return io.NopCloser(cli.Interruptible(ctx, stdin)), nil
	case !f.regular():
		return io.NopCloser(cli.Interruptible(ctx, &pipe{path: f.path})), nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	before, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &steady{File: file, ctx: ctx, before: before}, nil
}

// pipe is a pipe or a device, opened by its first read.
type pipe struct {
	path string
	file *os.File
}

func (p *pipe) Read(b []byte) (int, error) {
	if p.file == nil {
		file, err := os.Open(p.path)
		if err != nil {
			return 0, err
		}
		p.file = file
	}
	n, err := p.file.Read(b)
	if err != nil {
		_ = p.file.Close() // it was only read
	}
	return n, err
}

// steady is a file that must not change while it is read: of one that is being
// written, the last row may be half a name, which is somebody else's.
type steady struct {
	*os.File
	ctx    context.Context
	before fs.FileInfo
}

var errChanged = errors.New("the file was written to while it was read: load it when it is complete")

// Read implements io.Reader.
func (s *steady) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.File.Read(b)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	now, err := s.Stat()
	if err != nil {
		return n, err
	}
	if now.Size() != s.before.Size() || !now.ModTime().Equal(s.before.ModTime()) {
		return n, errChanged
	}
	return n, io.EOF
}

// mostBases bounds what a campaign remembers of its files' names.
const mostBases = 10

// bases are the names that campaign show has.
func bases(paths []string) string {
	var names []string
	for _, path := range paths[:min(len(paths), mostBases)] {
		name := filepath.Base(path)
		if path == stdin {
			name = "stdin"
		}
		names = append(names, name)
	}
	if more := len(paths) - mostBases; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
