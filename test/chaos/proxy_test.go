package main

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that gives back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return ln.Addr().String()
}

// ask writes through a proxy and reads what comes back within a while.
func ask(t *testing.T, c net.Conn, text string, within time.Duration) string {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return ""
	}
	if _, err := io.WriteString(c, text); err != nil {
		return ""
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(c, back); err != nil {
		return ""
	}
	return string(back)
}

func dial(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const (
	long  = 10 * time.Second
	brief = 50 * time.Millisecond
)

func TestAWayIsCutHeldAndLosesAnswers(t *testing.T) {
	t.Parallel()
	p := newProxy(t, "tcp", "127.0.0.1:0", "tcp", echo(t))
	c := dial(t, p)
	if got := ask(t, c, "POST / first", long); got != "POST / first" {
		t.Fatalf("a good way: %q", got)
	}
	if n := len(p.left()); n != 1 {
		t.Errorf("%d calls noted, not 1", n)
	}
	p.set(mood{deaf: true})
	if got := ask(t, c, "lost", brief); got != "" {
		t.Errorf("lost answers: %q", got)
	}
	hold := make(chan struct{})
	p.set(mood{hold: hold})
	if got := ask(t, c, "held", brief); got != "" {
		t.Errorf("held answers: %q", got)
	}
	if got := ask(t, dial(t, p), "take rekey:{q}:bucket", long); got != "take rekey:{q}:bucket" {
		t.Errorf("the bucket's answers pass: %q", got)
	}
	close(hold)
	p.set(mood{refuse: true})
	p.cut()
	if got := ask(t, c, "cut", long); got != "" {
		t.Errorf("a cut connection: %q", got)
	}
	if got := ask(t, dial(t, p), "refused", long); got != "" {
		t.Errorf("a refused connection: %q", got)
	}
	p.set(mood{late: brief})
	began := time.Now()
	if got := ask(t, dial(t, p), "late", long); got != "late" || time.Since(began) < 2*brief {
		t.Errorf("a slow way: %q after %v", got, time.Since(began))
	}
}
