package campaign

import (
	"context"
	"sync"

	"github.com/rekeyhq/rekey/internal/roster"
)

// chunkKey names an unpacked chunk. With the generation in it a chunk that was
// loaded anew is another one.
type chunkKey struct {
	id, generation string
	chunk          int64
}

// cachedChunks is how many chunks stay unpacked: those that a few campaigns and
// their retries are at. One holds a few hundred kilobytes.
const cachedChunks = 16

// chunkCache keeps the chunks that were used last. Handlers that ask for the
// same one at once read it once.
type chunkCache struct {
	mu     sync.Mutex
	chunks []*cachedChunk // the last used first
}

type cachedChunk struct {
	key  chunkKey
	done chan struct{}
	rows []roster.Row
	err  error
}

// get returns a chunk, and reads it if nobody has. Errors are not kept.
func (c *chunkCache) get(ctx context.Context, key chunkKey, read func(context.Context) ([]roster.Row, error)) ([]roster.Row, error) {
	chunk, mine := c.enter(key)
	if mine {
		// Others wait for it, so it is read also if this caller gives up.
		chunk.rows, chunk.err = read(context.WithoutCancel(ctx))
		if chunk.err != nil {
			c.drop(chunk)
		}
		close(chunk.done)
	}
	select {
	case <-chunk.done:
		return chunk.rows, chunk.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enter finds a chunk, or makes room for one that the caller must read.
func (c *chunkCache) enter(key chunkKey) (chunk *cachedChunk, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := len(c.chunks)
	for i, have := range c.chunks {
		if have.key == key {
			chunk, at = have, i
		}
	}
	if chunk == nil {
		chunk, mine = &cachedChunk{key: key, done: make(chan struct{})}, true
		c.chunks = append(c.chunks, nil)
	}
	copy(c.chunks[1:at+1], c.chunks[:at])
	c.chunks[0] = chunk
	if len(c.chunks) > cachedChunks {
		c.chunks[cachedChunks] = nil
		c.chunks = c.chunks[:cachedChunks]
	}
	return chunk, mine
}

func (c *chunkCache) drop(chunk *cachedChunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, have := range c.chunks {
		if have == chunk {
			c.chunks = append(c.chunks[:i], c.chunks[i+1:]...)
			return
		}
	}
}
