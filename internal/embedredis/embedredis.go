// Package embedredis runs a Redis for the length of a demo or a test: a
// redis-server child where there is one on PATH, else one in memory.
//
// It promises that nothing is left behind: the server listens on a unix socket
// in a directory of its own, and dies with its parent, on Linux also when the
// parent is killed. Its weak spot is the one in memory: it keeps nothing, and
// some of its commands take a time that grows with the square of the data, so
// it serves some ten thousand users, no more.
package embedredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/child"
)

// Program is the name that is looked for on PATH.
const Program = "redis-server"

// startTimeout is generous: a loaded machine has been seen to take seconds.
const startTimeout = 20 * time.Second

// Options say what to run. The zero value is a server that keeps nothing.
type Options struct {
	// Dir holds the socket and the data; made, and removed by Close, when empty.
	Dir string
	// Args are more arguments of redis-server, such as "--appendonly", "yes".
	Args []string
	// File is a configuration file, which a sentinel must have and writes to.
	File string
	// InMemory asks for the one in memory even where there is a redis-server.
	InMemory bool
}

// Server is a running Redis.
type Server struct {
	opts   Options
	ownDir bool
	mini   *miniredis.Miniredis
	child  *child.Child
}

// Available reports whether there is a redis-server on PATH.
func Available() bool {
	_, err := exec.LookPath(Program)
	return err == nil
}

// Start runs a server and waits until it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{opts: o}
	if o.InMemory || !Available() {
		return s, s.startMemory()
	}
	if o.Dir == "" {
		// A socket's path has room for about a hundred bytes, so the directory is
		// not made under a TMPDIR that may be longer than that.
		dir, err := os.MkdirTemp(shortTempDir(), "rekey-redis-")
		if err != nil {
			return nil, fmt.Errorf("a directory for %s: %w", Program, err)
		}
		s.opts.Dir, s.ownDir = dir, true
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func shortTempDir() string {
	if tmp := os.TempDir(); len(tmp) < 50 {
		return tmp
	}
	return "/tmp"
}

func (s *Server) startMemory() error {
	s.mini = miniredis.NewMiniRedis()
	s.mini.ClockTTL(true)
	if err := s.mini.Start(); err != nil {
		return fmt.Errorf("the Redis in memory: %w", err)
	}
	return nil
}

// Real reports whether this is a redis-server and not the one in memory.
func (s *Server) Real() bool { return s.mini == nil }

// Memory returns the one in memory, or nil.
func (s *Server) Memory() *miniredis.Miniredis { return s.mini }

// PID returns the redis-server's process id.
func (s *Server) PID() int { return s.child.PID() }

func (s *Server) socket() string { return filepath.Join(s.opts.Dir, "redis.sock") }

// URL returns the server's address as rekey.yaml has it.
func (s *Server) URL() string {
	if s.Real() {
		return "unix://" + s.socket()
	}
	return "redis://" + s.mini.Addr() + "/0"
}

// Options returns the address for a client of one's own.
func (s *Server) Options() *redis.Options {
	if s.Real() {
		return &redis.Options{Network: "unix", Addr: s.socket()}
	}
	return &redis.Options{Network: "tcp", Addr: s.mini.Addr()}
}

// Restart starts the redis-server again after Kill, with the data on its disk.
func (s *Server) Restart(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.opts.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	args := append([]string{"--port", "0", "--unixsocket", s.socket(), "--dir", s.opts.Dir, "--save", ""}, s.opts.Args...)
	if s.opts.File != "" {
		args = append([]string{s.opts.File}, args...)
	}
	cmd := exec.Command(Program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if s.child, err = child.Start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", Program, err)
	}
	return s.await(ctx)
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	opts := s.Options()
	opts.MaxRetries, opts.DialerRetries = -1, 1 // the loop is what repeats
	rdb := redis.NewClient(opts)
	defer func() { _ = rdb.Close() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ping(ctx, rdb)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.child.Ended():
			return fmt.Errorf("%s ended at once; its log says:\n%s", Program, s.log())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w; its log says:\n%s", Program, err, s.log())
		}
	}
}

// ping takes an answer that asks for a password as one. The client is asked only
// once there is a socket: after as many failures as its pool has places it dials
// on its own, once a second, and for a while after it was closed.
func (s *Server) ping(ctx context.Context, rdb *redis.Client) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.socket())
	if err != nil {
		return err
	}
	_ = conn.Close()
	err = rdb.Ping(ctx).Err()
	if redis.HasErrorPrefix(err, "NOAUTH") {
		return nil
	}
	return err
}

func (s *Server) log() []byte {
	text, _ := os.ReadFile(filepath.Join(s.opts.Dir, "log"))
	return text[max(0, len(text)-2000):]
}

// Kill ends the redis-server as kill -9 does, and returns when it is gone.
func (s *Server) Kill() { s.child.Kill() }

// Close ends the server and removes its directory if Start made it.
func (s *Server) Close() error {
	if s.mini != nil {
		s.mini.Close()
		return nil
	}
	if s.child != nil {
		s.Kill()
	}
	if s.ownDir {
		return os.RemoveAll(s.opts.Dir)
	}
	return nil
}

// Dialer returns a dial function of the one in memory that needs no listener,
// for tests in which time is synthetic.
func Dialer(m *miniredis.Miniredis) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return m.Dial() }
}
