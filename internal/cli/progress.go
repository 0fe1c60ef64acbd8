package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// How often progress is shown: a terminal is redrawn, a log gets a line.
const (
	redrawEvery = 200 * time.Millisecond
	lineEvery   = 10 * time.Second
	// firstAfter keeps what is done soon from drawing at all.
	firstAfter = time.Second
	barWidth   = 30
	leastBar   = 5
)

// Progress shows how far something is: a bar on a terminal, a plain line every
// ten seconds elsewhere. It may be told more often than it shows.
type Progress struct {
	mu       sync.Mutex
	w        io.Writer
	what     string
	terminal bool
	width    func() int // of the terminal, in characters
	last     time.Time
	drawn    bool
}

// Progress returns a progress of what, on stderr.
func (p *Program) Progress(what string) *Progress {
	n := &Progress{w: p.Stderr, what: what, terminal: p.draws(p.Stderr), width: func() int { return widthOf(p.Stderr) }, last: time.Now()}
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
		// An earlier line may have been longer.
		_, _ = fmt.Fprint(p.w, lineStart+p.line(done, total, note)+clearLine)
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
		_, _ = fmt.Fprint(p.w, lineStart+clearLine)
		p.drawn = false
	}
}

// line fits into the terminal's width, since what is longer would stay and be
// repeated below: the bar gives way first, then the end.
func (p *Progress) line(done, total int64, note string) string {
	most := p.width() - 1
	rest := strings.Join(words(p.what, Percent(done, total), note), " ")
	room := min(most-utf8.RuneCountInString(rest)-len(" []"), barWidth)
	if total > 0 && room >= leastBar {
		return strings.Join(words(p.what, Bar(done, total, room), Percent(done, total), note), " ")
	}
	return cut(rest, most)
}

// words are those that are not empty.
func words(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// Bar draws a share of a total.
func Bar(done, total int64, width int) string {
	full := int(min(done, total) * int64(width) / max(total, 1))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
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
