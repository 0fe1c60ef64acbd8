// Package rig starts what a benchmark needs: redis-servers, the twin, rekey's
// built programs, and slow ways between them.
//
// It promises that all of it ends with the stage that it was started on, at the
// latest with the program, also when that is killed (on Linux). Its weak spot
// is that everything shares one machine: what is measured is never the best
// that a part can do.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/test/process"
)

// patience is how long a part may take to be there. Nothing is measured by it.
const patience = time.Minute

// Rig is what all stages share: the built programs.
type Rig struct {
	// Short asks for sizes that show that the program works, and no more.
	Short bool

	bin string
	log io.Writer

	noting sync.Mutex // stages that play at the same time tell it in turns

	mu   sync.Mutex       // Once is asked by stages that play at the same time
	made map[string]error // by Once
}

// New builds the programs. Notes of progress go to log.
func New(ctx context.Context, short bool, log io.Writer) (*Rig, error) {
	bin, err := os.MkdirTemp("", "rekey-bench-")
	if err != nil {
		return nil, err
	}
	if err := process.Build(ctx, bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(bin))
	}
	return &Rig{Short: short, bin: bin, log: log, made: map[string]error{}}, nil
}

// Close removes the programs.
func (r *Rig) Close() error { return os.RemoveAll(r.bin) }

// Stage is where one run of one table plays. Close ends what was started on it.
type Stage struct {
	*Rig
	// Nth is which of the table's runs it is, from 0.
	Nth int

	dir  string
	ends []func() error
}

// Stage makes an empty one for a table's nth run, with a directory of its own.
func (r *Rig) Stage(nth int) (*Stage, error) {
	dir, err := os.MkdirTemp("", "rekey-stage-")
	if err != nil {
		return nil, err
	}
	s := &Stage{Rig: r, Nth: nth, dir: dir}
	s.Defer(func() error { return os.RemoveAll(dir) })
	return s, nil
}

// Defer has f called by Close, before what was deferred earlier.
func (s *Stage) Defer(f func() error) { s.ends = append(s.ends, f) }

// Close ends everything, the last started first.
func (s *Stage) Close() error {
	var err error
	for _, end := range slices.Backward(s.ends) {
		err = errors.Join(err, end())
	}
	s.ends = nil
	return err
}

// Sub gives f a stage that ends with it: for parts that must not disturb each
// other.
func (s *Stage) Sub(f func(*Stage) error) error {
	sub, err := s.Stage(s.Nth)
	if err != nil {
		return err
	}
	return errors.Join(f(sub), sub.Close())
}

// Note tells the one who waits what happens now.
func (s *Stage) Note(format string, args ...any) {
	s.noting.Lock()
	defer s.noting.Unlock()
	_, _ = fmt.Fprintf(s.log, "  "+format+"\n", args...) // a note that is lost does no harm
}

// Path is a file of the stage.
func (s *Stage) Path(name string) string { return filepath.Join(s.dir, name) }

// Write writes a file of the stage and returns its path.
func (s *Stage) Write(name, text string) (string, error) {
	return s.Path(name), os.WriteFile(s.Path(name), []byte(text), 0o600)
}

// Size is the number of a full run, or the one of a short run.
func (s *Stage) Size(full, short int) int {
	if s.Short {
		return short
	}
	return full
}

// Redis starts a redis-server that keeps nothing, unless the arguments say
// otherwise. The one in memory would say nothing about speed.
func (s *Stage) Redis(ctx context.Context, args ...string) (*embedredis.Server, *redis.Client, error) {
	if !embedredis.Available() {
		return nil, nil, fmt.Errorf("the benchmarks need %s on PATH", embedredis.Program)
	}
	server, err := embedredis.Start(ctx, embedredis.Options{Args: args})
	if err != nil {
		return nil, nil, err
	}
	s.Defer(server.Close)
	rdb := redis.NewClient(server.Options())
	s.Defer(rdb.Close)
	return server, rdb, nil
}

// Durable are the arguments of a Redis as docs/redis.md asks for it: what it
// acknowledged is on the disk.
func Durable() []string { return []string{"--appendonly", "yes", "--appendfsync", "always"} }

// Once returns a file, or a directory, that build makes the first time that it
// is asked for. It is there until the program ends. What failed once is not
// tried again.
func (r *Rig) Once(name string, build func(path string) error) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := filepath.Join(r.bin, "once", name)
	err, known := r.made[name]
	if !known {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = build(path)
		}
		r.made[name] = err
	}
	return path, err
}
