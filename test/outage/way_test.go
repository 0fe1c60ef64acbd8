package outage

import (
	"bufio"
	"bytes"
	"crypto/sha1" // Redis calls a script by it
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The scripts of a reset, by their first lines: the bucket's, and the ledger's
// before and after a call.
const (
	takes   = "-- take: "
	begins  = "-- begin.lua: "
	settles = "-- settle.lua: "
)

// way is a worker's way to Redis. It can stop at a command of a script, or at
// the answer to one; the other commands go on.
type way struct {
	t    *testing.T
	far  string
	ln   net.Listener
	mu   sync.Mutex
	seen map[string]string // the scripts' texts by their hashes
	next *stop
}

// stop is where a way stops, once.
type stop struct {
	script  string
	answer  bool
	reached chan struct{}
	over    chan struct{}
	once    sync.Once
}

// isReached reports whether what it waits for is there.
func (s *stop) isReached() bool {
	select {
	case <-s.reached:
		return true
	default:
		return false
	}
}

// goOn lets it pass.
func (s *stop) goOn() { s.once.Do(func() { close(s.over) }) }

// hold is called by what it waits for.
func (s *stop) hold() {
	close(s.reached)
	<-s.over
}

func newWay(t *testing.T, r *rig) *way {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{t: t, far: strings.TrimPrefix(r.server.URL(), "unix://"), ln: ln, seen: map[string]string{}}
	var links sync.WaitGroup
	links.Go(func() { w.accept(&links) })
	t.Cleanup(links.Wait) // the worker's connections end with it, which is sooner
	t.Cleanup(func() { _ = ln.Close() })
	return w
}

func (w *way) url() string { return "redis://" + w.ln.Addr().String() + "/0" }

// stopAt stops the way at the script's next command, or at its answer.
func (w *way) stopAt(script string, answer bool) *stop {
	s := &stop{script: script, answer: answer, reached: make(chan struct{}), over: make(chan struct{})}
	w.t.Cleanup(s.goOn)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = s
	return s
}

func (w *way) accept(links *sync.WaitGroup) {
	for {
		near, err := w.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", w.far)
		if err != nil {
			w.t.Error(err)
			_ = near.Close()
			continue
		}
		// A connection has one command under way, so the next piece that comes
		// back is its answer.
		answers := make(chan *stop, 1)
		links.Go(func() { w.there(far, near, answers) })
		links.Go(func() { back(near, far, answers) })
	}
}

// there passes on what a worker asks.
func (w *way) there(far, near net.Conn, answers chan<- *stop) {
	defer func() { _ = errors.Join(far.Close(), near.Close()) }()
	r := bufio.NewReader(near)
	for {
		raw, args, err := command(r)
		if err != nil {
			return
		}
		if s := w.stopOf(args); s != nil && s.answer {
			answers <- s
		} else if s != nil {
			s.hold()
		}
		if _, err := far.Write(raw); err != nil {
			return
		}
	}
}

// back passes on what Redis answers.
func back(near, far net.Conn, answers <-chan *stop) {
	defer func() { _ = errors.Join(far.Close(), near.Close()) }()
	b := make([]byte, 64<<10)
	for {
		n, err := far.Read(b)
		if err != nil {
			return
		}
		select {
		case s := <-answers:
			s.hold()
		default:
		}
		if _, err := near.Write(b[:n]); err != nil {
			return
		}
	}
}

// stopOf returns the stop that a command brings about.
func (w *way) stopOf(args []string) *stop {
	if len(args) < 2 || !strings.HasPrefix(strings.ToLower(args[0]), "eval") {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text, known := w.seen[args[1]]
	if !known && strings.EqualFold(args[0], "eval") {
		sum := sha1.Sum([]byte(args[1]))
		text, w.seen[hex.EncodeToString(sum[:])] = args[1], args[1]
	}
	s := w.next
	if s == nil || !strings.Contains(text, s.script) {
		return nil
	}
	w.next = nil
	return s
}

// command reads one of RESP's arrays of strings, as it is and in its parts.
func command(r *bufio.Reader) (raw []byte, args []string, err error) {
	n, raw, err := count(r, '*')
	for range n {
		var size int
		var head []byte
		if size, head, err = count(r, '$'); err != nil {
			return nil, nil, err
		}
		text := make([]byte, size+len("\r\n"))
		if _, err = io.ReadFull(r, text); err != nil {
			return nil, nil, err
		}
		raw, args = slices.Concat(raw, head, text), append(args, string(text[:size]))
	}
	return raw, args, err
}

// count reads a line of RESP that says how much follows.
func count(r *bufio.Reader, kind byte) (n int, raw []byte, err error) {
	if raw, err = r.ReadBytes('\n'); err != nil {
		return 0, nil, err
	}
	if raw[0] != kind {
		return 0, nil, errors.New("not a command")
	}
	n, err = strconv.Atoi(string(bytes.TrimSpace(raw[1:])))
	return n, raw, err
}
