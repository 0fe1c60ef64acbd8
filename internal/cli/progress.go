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
	leastName  = 12
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

// Show says that done of total have been done; a note comes behind it: the
// first where there is room, or else one of the others, which are shorter. A
// total of 0 is not known.
func (p *Progress) Show(done, total int64, notes ...string) {
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
		_, _ = fmt.Fprint(p.w, lineStart+Plain(p.line(done, total, notes))+clearLine)
		p.drawn = true
		return
	}
	_, _ = fmt.Fprintf(p.w, "%s\n", Plain(p.what+": "+strings.TrimSpace(Percent(done, total)+" "+notes[0])))
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
// repeated below. A long name gives way first, in its middle, then the longer
// notes, then the bar, then all notes but the shortest, and at last the end.
func (p *Progress) line(done, total int64, notes []string) string {
	most := p.width() - 1
	what, percent := middle(p.what, max(most/3, leastName)), Percent(done, total)
	for _, note := range notes[:max(len(notes)-1, 1)] {
		room := min(most-length(what, percent, note)-len(" []"), barWidth)
		if total > 0 && room >= leastBar {
			return join(what, Bar(done, total, room), percent, note)
		}
	}
	for _, note := range notes {
		if length(what, percent, note) <= most {
			return join(what, percent, note)
		}
	}
	return cut(join(what, percent, notes[len(notes)-1]), most)
}

// length is the characters of a line.
func length(all ...string) int { return utf8.RuneCountInString(join(all...)) }

// join makes a line of the words that are not empty.
func join(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
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
