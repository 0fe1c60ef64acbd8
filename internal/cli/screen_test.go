package cli

import (
	"strings"
	"testing"
)

func TestAScreenDrawsInPlaceAndWhatWasSaidStaysAbove(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := &Screen{w: &b, draws: true, width: func() int { return 12 }}
	for _, err := range []error{s.Show(2, nil, "one", "two"), s.Show(2, []string{"news of a day"}, "a line too long")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "\rone\x1b[K\n\rtwo\x1b[K\n\x1b[J" + "\x1b[2A" + "\rnews of a\x1b[K\n\r  day\x1b[K\n" + "\ra line too…\x1b[K\n\x1b[J"
	if b.String() != want {
		t.Errorf("%q\nwant %q", &b, want)
	}
}

func TestWhereNothingCanBeDrawnAScreenSaysWholeLines(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := &Program{Stdout: &b, Getenv: func(string) string { return "" }}
	long := strings.Repeat("word ", 40)
	if err := p.Screen().Show(2, []string{long}, "drawn"); err != nil || b.String() != long+"\n" {
		t.Errorf("%q, %v", &b, err)
	}
}

func TestAWordWithoutRoomStaysWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		want []string
	}{
		{"short", []string{"short"}},
		{"a b c d e f", []string{"a b c d", "  e f"}},
		{"abcdefghijkl", []string{"abcdefghijkl"}},
		{"a bcdefghijklm", []string{"a bcdefghijklm"}},
		{"aa bb abcdefghijkl", []string{"aa bb", "  abcdefghijkl"}},
		{"ää ää ää ää", []string{"ää ää ää", "  ää"}},
	} {
		if got := wrapped(c.line, 8, 2); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%q is %q, want %q", c.line, got, c.want)
		}
	}
}
