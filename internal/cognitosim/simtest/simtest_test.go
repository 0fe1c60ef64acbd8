package simtest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
)

var ten = cognitosim.Options{Quota: -1, Users: cognitosim.Users{N: 10}}

// ask makes one call for user000001.
func ask(ctx context.Context, c *http.Client, url string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"ClientId":"rekeytwin","Username":"user000001"}`))
	if err != nil {
		return 0, err
	}
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ForgotPassword")
	resp, err := c.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestATwinGoesDownAndComesBackWithItsMemory(t *testing.T) {
	t.Parallel()
	srv := simtest.Start(t, ten)
	url := srv.URL()
	client := &http.Client{Transport: &http.Transport{}}
	if status, err := ask(t.Context(), client, url); status != 200 {
		t.Fatal(status, err)
	}
	srv.Down()
	srv.Down()
	if _, err := ask(t.Context(), client, url); err == nil {
		t.Error("a twin that is down has answered")
	}
	if _, err := ask(t.Context(), client, url); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the port of a twin that is down says %v", err)
	}
	srv.Up()
	srv.Up()
	if status, err := ask(t.Context(), client, url); status != 200 || srv.URL() != url {
		t.Fatal(status, err, srv.URL())
	}
	if n := len(srv.Journal()); n != 2 {
		t.Errorf("%d calls are remembered, want 2", n)
	}
}

func TestATwinDiesWithItsTest(t *testing.T) {
	t.Parallel()
	var addr string
	left := make(chan error, 1)
	t.Run("inner", func(t *testing.T) {
		srv := simtest.Start(t, cognitosim.Options{Quota: -1, Users: cognitosim.Users{N: 10},
			Faults: []cognitosim.Fault{{Answer: cognitosim.Timeout}}})
		addr = srv.Addr()
		url := srv.URL()
		// The context is not the inner test's: only the twin's end can end this call.
		go func() {
			_, err := ask(context.Background(), &http.Client{Transport: &http.Transport{}}, url)
			left <- err
		}()
		for srv.Calls() == 0 { // it comes over the network, so there is no event to wait for
			select {
			case err := <-left:
				t.Fatalf("ended early: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
	})
	if err := <-left; err == nil {
		t.Error("the silent call was answered")
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the port still listens")
	}
}

func TestTLSNeedsTheTwinsCertificate(t *testing.T) {
	t.Parallel()
	srv := simtest.StartTLS(t, ten)
	tr := &http.Transport{}
	if _, err := ask(t.Context(), &http.Client{Transport: tr}, srv.URL()); err == nil || srv.Calls() != 0 {
		t.Errorf("without: %v, %d calls", err, srv.Calls())
	}
	tr = http.DefaultTransport.(*http.Transport).Clone()
	tr.TLSClientConfig.RootCAs = srv.Roots()
	if status, err := ask(t.Context(), &http.Client{Transport: tr}, srv.URL()); status != 200 {
		t.Errorf("with: %d %v", status, err)
	}
}

func TestAPipeEndsWithItsBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, dial := simtest.Pipe(t, cognitosim.Options{Quota: -1, Users: cognitosim.Users{N: 10}, Faults: []cognitosim.Fault{{To: 1, Answer: cognitosim.Timeout}}})
		tr := &http.Transport{DialContext: dial}
		t.Cleanup(tr.CloseIdleConnections)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := ask(ctx, &http.Client{Transport: tr}, "http://twin"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a silent call: %v", err)
		}
		if status, err := ask(t.Context(), &http.Client{Transport: tr}, "http://twin"); status != 200 {
			t.Errorf("the call after it: %d %v", status, err)
		}
		if n := len(sim.Codes("user000001")); n != 2 {
			t.Errorf("%d codes, want the silent call's too", n)
		}
	})
}
