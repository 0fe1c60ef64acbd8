package cognitosim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
)

// stormy makes calls through a pipe, some of which are hung up, and leaves
// those that would never be answered after ten seconds.
func stormy(t *testing.T, calls int, faults []cognitosim.Fault) *cognitosim.Sim {
	t.Helper()
	sim, dial := simtest.Pipe(t, fast(cognitosim.Options{Faults: faults}))
	tr := &http.Transport{DialContext: dial}
	t.Cleanup(tr.CloseIdleConnections)
	client := sdk("http://twin", &http.Client{Transport: tr, Timeout: 10 * time.Second})
	for i := range calls {
		_, _ = client.ForgotPassword(t.Context(), input(fmt.Sprintf("user%06d", i))) // the journal tells
	}
	return sim
}

// lines is a journal's file that looks at what it is given.
type lines struct {
	mu     sync.Mutex
	writes []string
	fail   error
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return 0, l.fail
	}
	l.writes = append(l.writes, string(b))
	return len(b), nil
}

func TestEveryCallHasItsLineBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var file lines
		s := cognitosim.New(fast(cognitosim.Options{Journal: &file, Latency: time.Minute}))
		for i, name := range []string{"user000001", "nobody"} {
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				forgot(t, s, name)
			}()
			synctest.Wait()
			if n := len(file.writes); n != i+1 {
				t.Fatalf("%d lines while call %d waits for its answer", n, i+1)
			}
			<-answered
		}
		want := []string{
			`{"at":"2000-01-01T00:00:00Z","call":1,"client_id":"rekeytwin","username":"user000001","answer":"OK","sent":true}` + "\n",
			`"call":2,"client_id":"rekeytwin","username":"nobody","answer":"UserNotFoundException","sent":false}` + "\n",
		}
		if file.writes[0] != want[0] || !strings.HasSuffix(file.writes[1], want[1]) {
			t.Errorf("the lines are %q, want %q", file.writes, want)
		}
	})
}

func TestTheFileEqualsTheJournalInCallOrder(t *testing.T) {
	t.Parallel()
	var file lines
	s := cognitosim.New(fast(cognitosim.Options{Journal: &file, Users: cognitosim.Users{N: 5000}}))
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 100 {
				forgot(t, s, fmt.Sprintf("user%06d", w*100+i))
			}
		})
	}
	all.Wait()
	entries, total := s.Journal(), 0
	for i, e := range entries {
		var l cognitosim.Entry
		if err := json.Unmarshal([]byte(file.writes[i]), &l); err != nil {
			t.Fatal(err)
		}
		if l.Call != int64(i+1) || l.Username != e.Username || !l.Sent || i > 0 && l.At.Before(entries[i-1].At) {
			t.Fatalf("line %d is %+v, the entry %+v", i, l, e)
		}
	}
	for _, n := range s.CallsBySecond() {
		total += n
	}
	if len(entries) != 800 || total != 800 || s.Calls() != 800 {
		t.Errorf("%d entries, %d by second, %d calls; want 800", len(entries), total, s.Calls())
	}
}

func TestAForgetfulTwinStillWrites(t *testing.T) {
	t.Parallel()
	var file lines
	s := cognitosim.New(fast(cognitosim.Options{Journal: &file, Forget: true}))
	forgot(t, s, "user000001")
	if len(s.Journal()) != 0 || len(file.writes) != 1 {
		t.Errorf("%d entries kept, %d lines written", len(s.Journal()), len(file.writes))
	}
}

func TestWithoutAJournalNothingIsAnswered(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	s := cognitosim.New(fast(cognitosim.Options{Journal: &lines{fail: full}}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), ln) }()
	client := sdk("http://"+ln.Addr().String(), &http.Client{})
	if _, err := client.ForgotPassword(t.Context(), input("user000001")); err == nil {
		t.Error("the call was answered")
	}
	if err := <-served; !errors.Is(err, full) {
		t.Errorf("the twin ended with %v, want it to say why", err)
	}
}

func TestServingEndsWhenCallsInFlightAreAnswered(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{Latency: time.Hour}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	answered := make(chan error, 1)
	go func() {
		_, err := sdk("http://"+ln.Addr().String(), &http.Client{}).ForgotPassword(t.Context(), input("user000001"))
		answered <- err
	}()
	for s.Calls() == 0 { // it comes over the network, so there is no event to wait for
		select {
		case err := <-answered:
			t.Fatalf("answered early: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	if err := <-answered; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serving ended with %v", err)
	}
}

// BenchmarkCalls makes calls over the loopback interface, on connections that
// are kept, with the journal going to a file. The clients write prepared bytes:
// it is the twin that is measured.
func BenchmarkCalls(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "journal"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	srv := simtest.Start(b, cognitosim.Options{Quota: -1, PerUserHour: -1, Forget: true, Journal: file, Users: cognitosim.Users{N: 1_000_000}})
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c := dialRaw(b, srv.Addr())
		defer c.Close()
		for pb.Next() {
			c.forgot(b)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
