package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
)

func TestHealthSaysWhatTheWorkerSays(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "redis: connection refused", http.StatusServiceUnavailable)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, listen := range []string{"127.0.0.1:" + port, "0.0.0.0:" + port, ":" + port} {
		path := healthConfig(t, listen)
		var out bytes.Buffer
		if err := run(t.Context(), []string{"worker", "health", "--live", "--config", path}, nowhere, nil, &out, io.Discard); err != nil || out.String() != "ok\n" {
			t.Errorf("listen %s: live: %q, %v", listen, out.String(), err)
		}
		err := run(t.Context(), []string{"worker", "health", "--config", path}, nowhere, nil, &out, io.Discard)
		if cli.Code(err) != cli.CodeFailed || !strings.Contains(err.Error(), "redis: connection refused") {
			t.Errorf("listen %s: ready: %v", listen, err)
		}
	}
}

func TestHealthOfNoWorkerIsAnErrorThatSaysWhy(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	addr := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	for _, c := range []struct {
		listen, want string
		code         int
	}{
		{addr, "no worker answers: is one running, and with this listen: " + addr + "?", cli.CodeFailed},
		{`""`, "listen", cli.CodeUsage},
	} {
		err := run(t.Context(), []string{"worker", "health", "--config", healthConfig(t, c.listen)}, nowhere, nil, io.Discard, io.Discard)
		if cli.Code(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("listen %s: %v", c.listen, err)
		}
	}
}

func TestAWorkerThatListensEverywhereIsAskedOnLoopback(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"0.0.0.0:9464": "127.0.0.1:9464", "[::]:9464": "[::1]:9464", ":9464": "localhost:9464",
		"10.0.0.7:9464": "10.0.0.7:9464", "worker-1:9464": "worker-1:9464",
	} {
		if got := here(listen); got != want {
			t.Errorf("a worker that listens on %s is asked at %s, want %s", listen, got, want)
		}
	}
}

func healthConfig(t *testing.T, listen string) string {
	t.Helper()
	return configFile(t, "listen: "+listen+"\npools: {prod: {region: eu-west-1, client_id: 1h57kf5cpq17m0eml12example}}\nredis: redis://127.0.0.1:1/0\n")
}
