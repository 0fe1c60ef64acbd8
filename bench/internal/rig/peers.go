package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Absent says that a peer, which rekey is compared with, cannot be had on this
// machine. That is no failure of a benchmark.
type Absent struct{ Why string }

// Error implements error.
func (a *Absent) Error() string { return "not here: " + a.Why }

// Peer is the command of a program of bench/peers, a module of its own whose
// libraries rekey does not need.
func (r *Rig) Peer(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	dir, err := r.Once("peers", func(path string) error {
		from, err := peers(ctx)
		if err != nil {
			return err
		}
		// The slash has go make a directory.
		return r.prepare(exec.CommandContext(ctx, "go", "build", "-C", from, "-o", path+"/", "./..."), "its program cannot be built")
	})
	if err != nil {
		return nil, err
	}
	return exec.Command(filepath.Join(dir, program), args...), nil
}

// BullMQ is the command of one of its scripts.
func (r *Rig) BullMQ(ctx context.Context, script string, args ...string) (*exec.Cmd, error) {
	dir, err := r.Once("bullmq", func(path string) error { return r.installBullMQ(ctx, path) })
	if err != nil {
		return nil, err
	}
	return exec.Command("node", append([]string{filepath.Join(dir, script)}, args...)...), nil
}

func (r *Rig) installBullMQ(ctx context.Context, path string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return &Absent{Why: "no " + program + " on PATH"}
		}
	}
	from, err := peers(ctx)
	if err != nil {
		return err
	}
	if err := os.CopyFS(path, os.DirFS(filepath.Join(from, "bullmq"))); err != nil {
		return err
	}
	return r.prepare(exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--prefix", path), "its packages cannot be installed")
}

// prepare runs what a peer needs first. What it says when it fails is for the
// one who waits: it may be long, and is nobody else's business.
func (r *Rig) prepare(cmd *exec.Cmd, why string) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		_, _ = fmt.Fprintf(r.log, "%s: %v\n%s", strings.Join(cmd.Args, " "), err, out) // a note that is lost does no harm
		return &Absent{Why: why}
	}
	return nil
}

// peers is the directory of that module, beside this one's.
func peers(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/rekeyhq/rekey").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "bench", "peers"), nil
}
