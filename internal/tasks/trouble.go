package tasks

import (
	"context"
	"sync"
)

// trouble counts the answers that the ledger does not have yet. While there is
// one the worker begins nothing: what it would send could not be recorded either.
type trouble struct {
	mu    sync.Mutex
	n     int
	clear chan struct{} // closed when n comes to 0
}

func (t *trouble) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; t.n == 1 {
		t.clear = make(chan struct{})
	}
}

func (t *trouble) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 {
		close(t.clear)
	}
}

func (t *trouble) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n > 0
}

// wait returns when the ledger has every answer.
func (t *trouble) wait(ctx context.Context) error {
	t.mu.Lock()
	n, over := t.n, t.clear
	t.mu.Unlock()
	if n == 0 {
		return nil
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
