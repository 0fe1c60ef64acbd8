package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/cli"
)

// progress shows how far a load is. It looks by itself every now and then, so
// that a load that stands still is seen to.
type progress struct {
	*cli.Progress
	size       int64 // of all files; 0 where it is not known
	read, rows atomic.Int64
	start      time.Time
	stop, gone chan struct{}
}

// looks is how often progress is looked at; what is shown is less.
const looks = 100 * time.Millisecond

// loading begins to show the progress of a load.
func (c *command) loading(in *input) *progress {
	p := &progress{Progress: c.Progress(in.name()), start: time.Now(), stop: make(chan struct{}), gone: make(chan struct{})}
	for _, f := range in.files {
		if !f.regular() {
			p.size = 0
			break
		}
		p.size += f.info.Size()
	}
	go p.show()
	return p
}

func (p *progress) show() {
	defer close(p.gone)
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			read, rows := p.read.Load(), p.rows.Load()
			p.Show(read, p.size, notes(read, rows, p.size, time.Since(p.start))...)
		}
	}
}

// notes are what stands behind the bar, the longest first: where there is no
// room, what is left to know is how long it takes yet.
func notes(read, rows, size int64, took time.Duration) []string {
	count := cli.Count(rows) + " rows"
	bytes := fmt.Sprintf(", %.0f MB", float64(read)/1e6)
	speed := ", " + cli.Count(int64(float64(rows)/max(took.Seconds(), 0.001))) + "/s"
	if size <= 0 || read <= 0 {
		return []string{count + bytes + speed, count + speed, count}
	}
	left := cli.Span(max(time.Duration(float64(took)*float64(size-read)/float64(read)), 0)) + " left"
	return []string{count + bytes + speed + ", " + left, count + speed + ", " + left, count + ", " + left, left}
}

// end takes the bar away. It may be called again, and of none.
func (p *progress) end() {
	if p == nil {
		return
	}
	select {
	case <-p.gone:
	default:
		close(p.stop)
		<-p.gone
	}
	p.End()
}

// watched counts what has been read of a file.
type watched struct {
	io.ReadCloser
	in *input
}

// Read implements io.Reader.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	w.in.progress.read.Add(int64(n))
	return n, err
}
