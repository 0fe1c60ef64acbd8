package rig

import (
	"context"
	"io"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/embedredis"
)

// Proxy is a way to a server that takes a while.
type Proxy struct {
	Address string // 127.0.0.1 and a port

	network, to string
	late        time.Duration
}

// Proxy makes a way to a Redis whose answers come so much later. Pieces do not
// wait for each other: it is a long line, not a narrow one.
func (s *Stage) Proxy(server *embedredis.Server, late time.Duration) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Defer(ln.Close)
	o := server.Options()
	p := &Proxy{Address: ln.Addr().String(), network: o.Network, to: o.Addr, late: late}
	go p.accept(ln)
	return p, nil
}

// URL is the way as rekey.yaml has it.
func (p *Proxy) URL() string { return "redis://" + p.Address + "/0" }

func (p *Proxy) accept(ln net.Listener) {
	for {
		near, err := ln.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial(p.network, p.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		go func() {
			defer near.Close()
			_, _ = io.Copy(far, near) // ends with the connection
		}()
		go func() {
			defer far.Close()
			p.back(near, far)
		}()
	}
}

// piece is a part of an answer, and when it arrives.
type piece struct {
	bytes []byte
	due   time.Time
}

// back carries answers. One goroutine reads and another one writes, so that
// what comes close together arrives close together.
func (p *Proxy) back(near, far net.Conn) {
	pieces := make(chan piece, 1024)
	go func() {
		defer near.Close()
		for one := range pieces {
			time.Sleep(time.Until(one.due))
			if _, err := near.Write(one.bytes); err != nil {
				break
			}
		}
		for range pieces { // nobody listens any more
		}
	}()
	defer close(pieces)
	buffer := make([]byte, 64<<10)
	for {
		n, err := far.Read(buffer)
		if n > 0 {
			pieces <- piece{slices.Clone(buffer[:n]), time.Now().Add(p.late)}
		}
		if err != nil {
			return
		}
	}
}

// RoundTrip is how long a command takes that does nothing: the middle of a hundred.
func RoundTrip(ctx context.Context, rdb *redis.Client) (time.Duration, error) {
	took := make([]time.Duration, 100)
	for i := range took {
		began := time.Now()
		if err := rdb.Ping(ctx).Err(); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
