package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/internal/cli"
)

const (
	probeTimeout = 2 * time.Second
	// closeTimeout is short: a scrape that is under way loses little.
	closeTimeout = 500 * time.Millisecond
)

// listen serves /metrics, /livez and /readyz until ctx ends. "" is off.
func (w *worker) listen(ctx context.Context, group *errgroup.Group, addr string) error {
	if addr == "" {
		return nil
	}
	ln, err := listenNear(addr)
	if err != nil {
		return cli.WithCode(cli.CodeUsage, fmt.Errorf("listen: %w", err))
	}
	if got := ln.Addr().String(); got != addr {
		w.log.Info("the address for metrics and health was taken or left open; a free one is used", "wanted", addr, "listen", got)
	}
	srv := &http.Server{Handler: w.handler(), ReadHeaderTimeout: probeTimeout}
	group.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("listen: %w", err)
		}
		return nil
	})
	context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if srv.Shutdown(end) != nil {
			_ = srv.Close() // who still reads has had its time
		}
	})
	return nil
}

// listenNear takes a free port of the same host when the address is taken: a
// second worker on the machine should not fail for its metrics.
func listenNear(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return ln, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

func (w *worker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(rw http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(rw, "ok") })
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		if err := w.ready(ctx); err != nil {
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(rw, "ok")
	})
	return mux
}
