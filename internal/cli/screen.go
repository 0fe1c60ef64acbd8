package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// These are all the escape codes that rekey writes; see [Program.draws].
const (
	lineStart = "\r"
	clearLine = "\x1b[K" // to its end
	clearRest = "\x1b[J" // of the screen
	linesUp   = "\x1b[%dA"
)

// draws reports whether w is a terminal that may be drawn on: a pipe gets no
// escape code, and neither does who asked for none or has a terminal that
// understands none.
func (p *Program) draws(w io.Writer) bool {
	return Terminal(w) && p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb"
}

// Screen keeps a few lines at the end of a terminal, and draws them in place.
// What is said stands above them and scrolls away. Where there is nothing to
// draw on it says only.
type Screen struct {
	w     io.Writer
	draws bool
	width func() int
	drawn int // lines at the end
}

// Screen returns the one at stdout.
func (p *Program) Screen() *Screen {
	return &Screen{w: p.Stdout, draws: p.draws(p.Stdout), width: func() int { return widthOf(p.Stdout) }}
}

// Draws reports whether there is anything to draw on.
func (s *Screen) Draws() bool { return s.draws }

// Show says what was said, and draws the lines anew below it. On a terminal what
// is too long goes on in the next line, from the column indent on.
func (s *Screen) Show(indent int, said []string, lines ...string) error {
	if !s.draws {
		return s.plain(said)
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, linesUp, s.drawn)
	}
	for _, l := range said {
		for _, part := range wrapped(l, s.width()-1, indent) {
			b.WriteString(lineStart + part + clearLine + "\n")
		}
	}
	for _, l := range lines {
		b.WriteString(lineStart + cut(l, s.width()-1) + clearLine + "\n")
	}
	b.WriteString(clearRest)
	s.drawn = len(lines)
	_, err := io.WriteString(s.w, b.String())
	return err
}

func (s *Screen) plain(said []string) error {
	for _, l := range said {
		if _, err := fmt.Fprintln(s.w, l); err != nil {
			return err
		}
	}
	return nil
}

// cut returns what has room of a line.
func cut(l string, most int) string {
	if runes := []rune(l); len(runes) > most {
		return string(runes[:max(most-1, 0)]) + "…"
	}
	return l
}

// middle cuts a name in its middle: both its ends say which it is.
func middle(name string, most int) string {
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	head := most / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(most-head-1):])
}

// wrapped breaks a line between words; what follows is indented. A word that
// has no room stays whole, so that it can be copied.
func wrapped(l string, most, indent int) []string {
	var all []string
	for utf8.RuneCountInString(l) > most {
		head := string([]rune(l)[:most+1])
		at := strings.LastIndexByte(head, ' ')
		if at <= indent {
			break
		}
		all = append(all, l[:at])
		l = strings.Repeat(" ", indent) + strings.TrimLeft(l[at:], " ")
	}
	return append(all, l)
}
