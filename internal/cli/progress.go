package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How often progress is shown: a terminal is redrawn, a log gets a line.
const (
	redrawEvery = 200 * time.Millisecond
	lineEvery   = 10 * time.Second
	// firstAfter keeps what is done soon from drawing at all.
	firstAfter = time.Second
	barWidth   = 30
)

// Progress shows how far something is: a bar on a terminal, a plain line every
// ten seconds elsewhere. It may be told more often than it shows.
type Progress struct {
	mu       sync.Mutex
	w        io.Writer
	what     string
	terminal bool
	last     time.Time
	drawn    bool
}

// Progress returns a progress of what, on stderr.
func (p *Program) Progress(what string) *Progress {
	n := &Progress{w: p.Stderr, what: what, terminal: Terminal(p.Stderr), last: time.Now()}
	if n.terminal {
		n.last = n.last.Add(firstAfter - redrawEvery)
	}
	return n
}

// Show says that done of total have been done; note comes behind it. A total of
// 0 is not known.
func (p *Progress) Show(done, total int64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := lineEvery
	if p.terminal {
		every = redrawEvery
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	if p.terminal {
		// \x1b[K clears what an earlier, longer line has left.
		_, _ = fmt.Fprintf(p.w, "\r%s %s\x1b[K", p.what, strings.TrimSpace(bar(done, total)+" "+note))
		p.drawn = true
		return
	}
	_, _ = fmt.Fprintf(p.w, "%s: %s\n", p.what, strings.TrimSpace(Percent(done, total)+" "+note))
}

// End takes the bar off the terminal.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

func bar(done, total int64) string {
	if total <= 0 {
		return ""
	}
	full := int(min(done, total) * barWidth / total)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] " + Percent(done, total)
}

// Percent writes a share of a total, or "" where the total is not known. It
// rounds down: 100 % is said when it is true.
func Percent(done, total int64) string {
	if total <= 0 {
		return ""
	}
	tenths := min(done, total) * 1000 / total
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}
