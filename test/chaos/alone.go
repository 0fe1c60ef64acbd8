package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// alone is a [testing.TB] for a run outside of go test, and for one that is
// expected to fail. Methods that it does not have would panic.
type alone struct {
	testing.TB
	ctx context.Context
	out io.Writer

	mu       sync.Mutex
	problems []string
	cleanups []func()
}

// runAlone runs f and returns what it complained about.
func runAlone(ctx context.Context, out io.Writer, f func(testing.TB)) []string {
	a := &alone{ctx: ctx, out: out}
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine
		defer close(done)
		defer a.cleanUp()
		f(a)
	}()
	<-done
	return a.problems
}

func (a *alone) cleanUp() {
	for _, f := range slices.Backward(a.cleanups) {
		f()
	}
}

// Helper is part of testing.TB, as all that follows.
func (a *alone) Helper() {}

// Context ends when the run is interrupted.
func (a *alone) Context() context.Context { return a.ctx }

// Cleanup keeps f for the end.
func (a *alone) Cleanup(f func()) { a.cleanups = append(a.cleanups, f) }

// Logf writes.
func (a *alone) Logf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.out, format+"\n", args...)
}

// Errorf notes a problem.
func (a *alone) Errorf(format string, args ...any) {
	a.Logf("FAIL "+format, args...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// Error notes a problem.
func (a *alone) Error(args ...any) { a.Errorf("%s", fmt.Sprint(args...)) }

// Fatalf notes a problem and ends the run.
func (a *alone) Fatalf(format string, args ...any) {
	a.Errorf(format, args...)
	runtime.Goexit()
}

// Fatal notes a problem and ends the run.
func (a *alone) Fatal(args ...any) { a.Fatalf("%s", fmt.Sprint(args...)) }

// Failed reports whether there is a problem so far.
func (a *alone) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.problems) > 0
}

// TempDir makes a directory that ends with the run.
func (a *alone) TempDir() string {
	dir, err := os.MkdirTemp("", "rekey-chaos-")
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
