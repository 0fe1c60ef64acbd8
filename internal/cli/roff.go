package cli

import (
	"fmt"
	"strings"
)

// roff writes a manual page: man's macros, and text that is none of them.
type roff struct{ strings.Builder }

// plain keeps text from being read as a command, and its hyphens and quotes
// from being set as others that cannot be copied.
var plain = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

func escaped(text string) string {
	text = plain.Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}

func bold(text string) string { return `\fB` + escaped(text) + `\fR` }

func italic(text string) string { return `\fI` + escaped(text) + `\fR` }

func (r *roff) line(text string) { r.WriteString(text + "\n") }

func (r *roff) section(name string) { r.line(".SH " + name) }

// term is an entry of a list; head is roff already.
func (r *roff) term(head, text string) {
	r.line(".TP")
	r.line(head)
	r.line(escaped(text))
}

// prose fills paragraphs; lines that are indented stay as they are.
func (r *roff) prose(text string) {
	kept := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if indented := strings.HasPrefix(line, "  "); indented != kept {
			r.line(map[bool]string{true: ".nf", false: ".fi"}[indented])
			kept = indented
		}
		if line == "" {
			line = ".PP"
		} else {
			line = escaped(line)
		}
		r.line(line)
	}
	if kept {
		r.line(".fi")
	}
}

// title is the head of a page; foot is what stands at the bottom of each.
func (r *roff) title(name, date, version string) {
	fmt.Fprintf(r, ".TH %q 1 %q %q \"rekey\"\n", escaped(strings.ToUpper(name)), date, escaped(version))
	r.line(".ad l") // words are not spread over the line
	r.line(".nh")
}
