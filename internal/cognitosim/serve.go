package cognitosim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// grace is how long calls in flight have to be answered once the end has come.
const grace = 5 * time.Second

// Serve answers calls on ln until ctx ends or the journal cannot be written.
// Calls in flight are answered before it returns.
func (s *Sim) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
	case <-s.closed:
	}
	s.Close()
	if err == nil {
		err = shutDown(srv)
		<-served //nolint:errcheck // it says that it was shut down
	}
	return errors.Join(err, s.journalError())
}

func shutDown(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("calls in flight did not end within %v: %w", grace, err), srv.Close())
	}
	return nil
}

func (s *Sim) journalError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal.err != nil {
		return fmt.Errorf("the journal cannot be written, so the twin stops: %w", s.journal.err)
	}
	return nil
}
