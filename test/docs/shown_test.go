package docs

import (
	"regexp"
	"strings"
	"testing"
)

// loosely is the word of a block whose figures are other ones each time.
const loosely = "figures vary"

// always are the things that are never the same twice.
var always = []swap{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z`), "TIME"},
	{regexp.MustCompile(`(No call is|1 call is|\d+ calls are) in flight\.(\nThe calls? in flight ha(s|ve) ended\.)?`), "calls in flight."},
	{regexp.MustCompile(`[\d.]+/s measured`), "rate measured"},
}

// figures are the things that depend on the moment of a look.
var figures = []swap{
	{regexp.MustCompile(`(?m) +\d+\.\d %$`), ""},
	{regexp.MustCompile(`in .* at this rate`), "in SPAN at this rate"},
	{regexp.MustCompile(`limited by .*`), "limited by SOMETHING"},
	{regexp.MustCompile(`\d[\d,.]*`), "N"},
	{regexp.MustCompile(` +`), " "},
}

type swap struct {
	from *regexp.Regexp
	to   string
}

func masked(text string, all []swap) string {
	for _, s := range all {
		text = s.from.ReplaceAllString(text, s.to)
	}
	return strings.TrimRight(text, "\n")
}

// holds reports whether what a document shows is what was said. An ellipsis
// stands for anything on its line, and alone on a line for any lines.
func holds(shown block, said string) bool {
	masks := always
	if shown.note == loosely {
		masks = append(append([]swap{}, always...), figures...)
	}
	var want strings.Builder
	for line := range strings.SplitSeq(masked(shown.text, masks), "\n") {
		if line == "…" {
			want.WriteString(`(?:.*\n)*`)
			continue
		}
		want.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + `\n`)
	}
	return regexp.MustCompile(`^` + want.String() + `$`).MatchString(masked(said, masks) + "\n")
}

func TestWhatIsShownIsCompared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, note, said string
		want              bool
	}{
		{"a\nb\n", "", "a\nb\n", true},
		{"a\nb\n", "", "a\nc\n", false},
		{"a\n", "", "a\nb\n", false},
		{"a\n…\nd\n", "", "a\nb\nc\nd\n", true},
		{"a\n…\nd\n", "", "a\nd\n", true},
		{"a\n…\nd\n", "", "a\nb\n", false},
		{"redis …, in … ms\n", "", "redis unix:///x, in 0.1 ms\n", true},
		{"redis …, in … ms\n", "", "redis\nunix:///x, in 0.1 ms\n", false},
		{"users 500\n", "", "users 501\n", false},
		{"users   500\n", loosely, "users 1,234\n", true},
		{"dead 16   3.2 %\n", loosely, "dead 0\n", true},
		{"dead 16\n", loosely, "alive 16\n", false},
		{"at 2026-11-23T09:00:01Z\n", "", "at 2027-01-01T00:00Z\n", true},
		{"paused. 3 calls are in flight.\nThe calls in flight have ended.\n", "", "paused. No call is in flight.\n", true},
	} {
		if got := holds(block{text: c.shown, note: c.note}, c.said); got != c.want {
			t.Errorf("%q %s shows %q: %v", c.shown, c.note, c.said, got)
		}
	}
}
