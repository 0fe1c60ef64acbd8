package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/test/process"
)

// Ran is what a program did that was run to its end.
type Ran struct {
	Stdout string
	Took   time.Duration
	// Peak is the most memory that it held, in bytes; 0 where that cannot be told.
	Peak int64
}

// RunUnread is [Stage.Run] for output that nobody wants.
func (s *Stage) RunUnread(ctx context.Context, config, program string, args ...string) (r Ran, err error) {
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, nowhere.Close()) }()
	cmd := s.command(config, program, args...)
	cmd.Stdout = nowhere
	return s.RunCommand(ctx, cmd)
}

// Run runs one of rekey's programs to its end with a configuration.
func (s *Stage) Run(ctx context.Context, config, program string, args ...string) (Ran, error) {
	return s.RunCommand(ctx, s.command(config, program, args...))
}

// RunCommand runs any command to its end, and ends it when ctx does. What it
// prints is returned, unless it goes elsewhere already.
func (s *Stage) RunCommand(ctx context.Context, cmd *exec.Cmd) (Ran, error) {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	began := time.Now()
	p, err := process.Start(cmd)
	if err != nil {
		return Ran{}, err
	}
	peak := watchPeak(ctx, p)
	r := Ran{Stdout: out.String(), Took: time.Since(began), Peak: peak}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if code := p.State().ExitCode(); code != 0 {
		return r, fmt.Errorf("%s: exit code %d\n%s", strings.Join(cmd.Args, " "), code, process.Tail(p.Said()))
	}
	return r, nil
}

// watchPeak waits for the process's end. What wait(2) tells of memory holds what
// the parent had at the fork as well, so the kernel is asked while it runs.
func watchPeak(ctx context.Context, p *process.Process) (peak int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		peak = max(peak, memory(p.PID(), "VmHWM:"))
		select {
		case <-p.Ended():
			return peak
		case <-ctx.Done():
			p.Kill()
			return peak
		case <-tick.C:
		}
	}
}

// Memory is what a process holds now and the most that it has held, in bytes; 0
// where that cannot be told.
func Memory(p *process.Process) (now, peak int64) {
	return memory(p.PID(), "VmRSS:"), memory(p.PID(), "VmHWM:")
}

func memory(pid int, field string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), field)
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kb, _ := strconv.ParseInt(number, 10, 64) // 0: it has ended
	return kb << 10
}

// Go starts one of rekey's programs, which runs until the stage ends.
func (s *Stage) Go(config, program string, args ...string) (*process.Process, error) {
	return s.GoCommand(s.command(config, program, args...))
}

// GoCommand is [Stage.Go] for any command.
func (s *Stage) GoCommand(cmd *exec.Cmd) (*process.Process, error) {
	p, err := process.Start(cmd)
	if err != nil {
		return nil, err
	}
	s.Defer(func() error { p.Kill(); return nil })
	return p, nil
}

func (s *Stage) command(config, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "REKEY_CONFIG="+config)
	return cmd
}

// Busy is how much of the processors a process has used so far.
func Busy(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// Behind the name, which is in brackets and may hold anything: user and
	// system time are the twelfth and thirteenth word.
	_, rest, _ := strings.Cut(string(text), ") ")
	words := strings.Fields(rest)
	if len(words) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(words[11], 10, 64)
	system, _ := strconv.ParseInt(words[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ, which Linux shows as 100 everywhere
	return time.Duration(user+system) * tick
}
