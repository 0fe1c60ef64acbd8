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
			p.Show(read, p.size, note(read, rows, p.size, time.Since(p.start)))
		}
	}
}

// note is what stands behind the bar.
func note(read, rows, size int64, took time.Duration) string {
	perSecond := float64(rows) / max(took.Seconds(), 0.001)
	s := fmt.Sprintf("%s rows, %.0f MB, %s/s", cli.Count(rows), float64(read)/1e6, cli.Count(int64(perSecond)))
	if size > 0 && read > 0 {
		left := time.Duration(float64(took) * float64(size-read) / float64(read))
		s += ", " + cli.Span(max(left, 0)) + " left"
	}
	return s
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
