package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rekeyhq/rekey/test/process"
)

// Postgres is a PostgreSQL that keeps nothing safe: it is as fast as it can be.
type Postgres struct {
	// Database is where it is, as libpq writes it.
	Database string
	Version  string
}

// Postgres starts one, or returns an [*Absent].
func (s *Stage) Postgres(ctx context.Context) (*Postgres, error) {
	c, err := s.newCluster()
	if err != nil {
		return nil, err
	}
	if out, err := c.command(ctx, "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// Not ctx: it is ended by the stage, in good order.
	p, err := process.Start(c.command(context.Background(), "postgres", "-c", "listen_addresses=", "-k", c.dir,
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_wal_size=8GB"))
	if err != nil {
		return nil, err
	}
	s.Defer(func() error { return stopPostgres(p) })
	if err := c.await(ctx, p); err != nil {
		return nil, err
	}
	out, err := c.command(ctx, "postgres", "--version").Output()
	name, _, _ := strings.Cut(strings.TrimPrefix(string(out), "postgres (PostgreSQL) "), " ")
	return &Postgres{Database: "host=" + c.dir + " user=postgres dbname=postgres", Version: "PostgreSQL " + strings.TrimSpace(name)}, err
}

// cluster is a directory of PostgreSQL's, and whose it is.
type cluster struct {
	bin, dir string
	as       []string // the command that becomes another user, if need be
}

func (s *Stage) newCluster() (c cluster, err error) {
	if c.bin, err = postgresPrograms(); err != nil {
		return c, err
	}
	// Not in the stage's directory, which another user could not enter.
	if c.dir, err = os.MkdirTemp("", "rekey-postgres-"); err != nil {
		return c, err
	}
	s.Defer(func() error { return os.RemoveAll(c.dir) })
	if os.Geteuid() != 0 {
		return c, nil
	}
	// It refuses to run as root.
	nobody, err := user.Lookup("nobody")
	if _, missing := exec.LookPath("setpriv"); err != nil || missing != nil {
		return c, &Absent{Why: "it does not run as root, and there is no setpriv or no user nobody"}
	}
	uid, err1 := strconv.Atoi(nobody.Uid)
	gid, err2 := strconv.Atoi(nobody.Gid)
	// setpriv's own end is tied to ours, and becoming another user unties it.
	c.as = []string{"setpriv", "--reuid", nobody.Uid, "--regid", nobody.Gid, "--clear-groups", "--pdeathsig", "KILL"}
	return c, errors.Join(err1, err2, os.Chown(c.dir, uid, gid))
}

// postgresPrograms is the directory of the newest one's.
func postgresPrograms() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		path, err = filepath.EvalSymlinks(path) // the others are beside the file itself
		return filepath.Dir(path), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // a fixed pattern
	if len(found) == 0 {
		return "", &Absent{Why: "no PostgreSQL"}
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (c cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	words := append(append(slices.Clip(c.as), filepath.Join(c.bin, program)), args...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "PGDATA="+filepath.Join(c.dir, "data"))
	return cmd
}

// await returns when it takes connections.
func (c cluster) await(ctx context.Context, p *process.Process) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for c.command(ctx, "pg_isready", "-q", "-h", c.dir).Run() != nil {
		select {
		case <-p.Ended():
			return fmt.Errorf("postgres ended at once: %s", process.Tail(p.Said()))
		case <-ctx.Done():
			return fmt.Errorf("postgres: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// stopPostgres lets it put away what it shares with its children.
func stopPostgres(p *process.Process) error {
	p.Signal(syscall.SIGQUIT)
	select {
	case <-p.Ended():
	case <-time.After(10 * time.Second):
		p.Kill()
	}
	return nil
}
