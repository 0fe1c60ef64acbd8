package cognito

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestRefusedConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	srv.Close()
	c := client(t, srv.url())
	_, e := forgot(t, c, "alice")
	wantFailure(t, e, reset.Unavailable, reset.Dial)
	if !strings.Contains(e.Text, "refused") {
		t.Errorf("%q does not say why", e.Text)
	}
	wantFailure(t, failureOf(t, c.Dial(t.Context())), reset.Unavailable, reset.Dial)
}

func TestUnknownHostIsUnavailable(t *testing.T) {
	t.Parallel()
	// A name that no resolver is asked for.
	c := client(t, "http://a..b:80")
	wantFailure(t, failureOf(t, c.Dial(t.Context())), reset.Unavailable, reset.DNS)
}

// TestRequestThatCannotBeMadeIsMisconfigured: it would fail for every row, so
// it must halt the pool and not go round in circles.
func TestRequestThatCannotBeMadeIsMisconfigured(t *testing.T) {
	t.Parallel()
	c := client(t, "http://127.0.0.1:1")
	c.sdk = cip.New(cip.Options{}) // it knows neither Region nor endpoint
	_, e := forgot(t, c, "alice")
	wantFailure(t, e, reset.Misconfigured, reset.Other)
	if e.Code != "SDK" || !strings.Contains(e.Text, "Region") {
		t.Errorf("%v does not say why", e)
	}
}

func TestHangUpInTheHandshakeIsUnavailable(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) { c.Read(make([]byte, 1)) })
	c := client(t, "https://"+srv.Addr().String())
	_, e := forgot(t, c, "alice")
	wantFailure(t, e, reset.Unavailable, reset.TLS)
	wantFailure(t, failureOf(t, c.Dial(t.Context())), reset.Unavailable, reset.TLS)
}

func TestUntrustedCertificateIsUnavailable(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = quiet()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	_, e := forgot(t, client(t, srv.URL), "alice")
	wantFailure(t, e, reset.Unavailable, reset.TLS)
}

// TestHangUpBeforeReading has the server end its side at once, and then count
// what still arrives: whatever the client says must agree with it.
func TestHangUpBeforeReading(t *testing.T) {
	t.Parallel()
	var seen [2]int
	for range 60 {
		got := make(chan int64, 16)
		srv := listen(t, func(c net.Conn) {
			c.(*net.TCPConn).CloseWrite()
			n, _ := io.Copy(io.Discard, c)
			got <- n
		})
		c := client(t, srv.url())
		_, e := forgot(t, c, "alice")
		n := <-got
		if n == 0 {
			wantFailure(t, e, reset.Unavailable, reset.Reset)
		} else {
			wantFailure(t, e, reset.Unanswered, reset.Reset)
		}
		if srv.accepted.Load() != 1 {
			t.Fatal("a second connection was tried, although the first was new")
		}
		seen[min(n, 1)]++
	}
	t.Logf("not sent %d times, perhaps sent %d times", seen[0], seen[1])
}

func TestHangUpAfterReadingIsUnanswered(t *testing.T) {
	t.Parallel()
	for name, linger := range map[string]int{"closed": -1, "reset": 0} {
		srv := listen(t, func(c net.Conn) {
			readRequest(bufio.NewReader(c))
			c.(*net.TCPConn).SetLinger(linger)
		})
		_, e := forgot(t, client(t, srv.url()), "alice")
		wantFailure(t, e, reset.Unanswered, reset.Reset)
		if srv.accepted.Load() != 1 {
			t.Errorf("%s: sent again", name)
		}
	}
}

func TestHangUpInTheMiddleOfTheRequestIsUnanswered(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) {
		c.Read(make([]byte, 10))
		c.(*net.TCPConn).SetLinger(0)
	})
	_, e := forgot(t, client(t, srv.url()), "alice")
	wantFailure(t, e, reset.Unanswered, reset.Reset)
}

func TestHangUpOverTLSIsUnanswered(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	c, _ := https(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}))
	_, e := forgot(t, c, "alice")
	wantFailure(t, e, reset.Unanswered, reset.Reset)
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestSilenceIsATimeout(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{
		"nothing": "", "half a head": "HTTP/1.1 200 OK\r\nContent-Le", "half a body": okWire[:len(okWire)-1],
	} {
		// The caller's time ends once the server has the request.
		ctx, cancel := context.WithCancel(t.Context())
		srv := listen(t, func(c net.Conn) {
			if _, ok := readRequest(bufio.NewReader(c)); ok {
				io.WriteString(c, part)
				cancel()
				io.Copy(io.Discard, c)
			}
		})
		_, err := client(t, srv.url()).ForgotPassword(ctx, user("alice"), soon())
		cancel()
		t.Log(name)
		wantFailure(t, failureOf(t, err), reset.Unanswered, reset.Timeout)
		if srv.accepted.Load() != 1 {
			t.Errorf("%s: sent again", name)
		}
	}
}

func TestHalfAnAnswerIsNone(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le", okWire[:len(okWire)-1], "what is this?\r\n\r\n"} {
		srv := listen(t, func(c net.Conn) {
			if _, ok := readRequest(bufio.NewReader(c)); ok {
				io.WriteString(c, part)
			}
		})
		_, e := forgot(t, client(t, srv.url()), "alice")
		wantFailure(t, e, reset.Unanswered, reset.Reset)
		if strings.Contains(fmt.Sprint(e, e.Err), "what is this") {
			t.Errorf("the answer is quoted: %v, %v", e, e.Err)
		}
	}
}

// TestPoolsOwnDeadlineHolds: a caller without a deadline is not held for ever.
func TestPoolsOwnDeadlineHolds(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	c := client(t, srv.url(), func(c *Config) { c.Hour = reset.MinHour })
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := c.ForgotPassword(ctx, user("alice"), soon())
	wantFailure(t, failureOf(t, err), reset.Unanswered, reset.Timeout)
	if d := time.Since(begun); d < reset.MinHour.Deadline() || d > 15*time.Second {
		t.Errorf("ended after %v", d)
	}
}

// TestUnsentIsNeverSeenBySomeone is the promise itself, under fire: whoever is
// told that nothing left may send again, so no server may have had any of it,
// and no server may have anybody's request twice.
func TestUnsentIsNeverSeenBySomeone(t *testing.T) {
	t.Parallel()
	var seen sync.Map // user name → *atomic.Int64
	srv := listen(t, func(c net.Conn) {
		for r := bufio.NewReader(c); rand.IntN(4) > 0; {
			name, ok := readRequest(r)
			if !ok {
				return
			}
			n, _ := seen.LoadOrStore(name, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
			if rand.IntN(8) == 0 {
				return
			}
			io.WriteString(c, okWire)
		}
	})
	c := client(t, srv.url())
	var told sync.Map // user name → reset.Outcome
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 50 {
				name := fmt.Sprintf("user-%d-%d", w, i)
				notAfter := soon()
				if i%2 == 0 { // too short for some
					notAfter = time.Now().Add(time.Duration(rand.IntN(2_000_000)))
				}
				_, err := c.ForgotPassword(t.Context(), user(name), notAfter)
				o, _ := reset.OutcomeOf(err)
				told.Store(name, o)
			}
		})
	}
	all.Wait()
	c.Close()
	srv.drain()
	compare(t, &told, &seen)
}

// compare holds what callers were told against what the server has read.
func compare(t *testing.T, told, seen *sync.Map) {
	t.Helper()
	outcomes := make(map[reset.Outcome]int)
	told.Range(func(name, o any) bool {
		outcomes[o.(reset.Outcome)]++
		var times int64
		if n, ok := seen.Load(name); ok {
			times = n.(*atomic.Int64).Load()
		}
		unsent := o == reset.NotSent || o == reset.Unavailable
		if times > 1 || unsent && times > 0 || o == reset.Accepted && times == 0 {
			t.Errorf("%s: %v, and the server had it %d times", name, o, times)
		}
		return true
	})
	t.Log(outcomes)
	for _, o := range []reset.Outcome{reset.Accepted, reset.NotSent, reset.Unanswered} {
		if outcomes[o] == 0 {
			t.Errorf("%v did not occur", o)
		}
	}
}
