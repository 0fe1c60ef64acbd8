package roster

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A spreadsheet takes a cell that begins with = + - or @ for a formula, and
// usernames are what strangers chose. So in CSV that people open an apostrophe
// stands before such a beginning, as OWASP advises, and a space behind the
// apostrophe: no username has a space, so that whoever reads the file again
// cannot take this mark for a part of the name.
const textMark = "' "

// breaks are where another cell may begin, if the spreadsheet splits lines by
// something else than we do.
const breaks = ";\t\r\n"

// Neutral returns s as it may stand in a CSV that a spreadsheet opens: with an
// apostrophe and a space before each = + - or @ that a cell could begin with. A
// cell may begin at the beginning, after a semicolon and after a tab; quotes
// before it do not count. The reader of CSV takes the marks away, so that what
// was written is what is loaded again.
func Neutral(s string) string {
	if !strings.ContainsAny(s, breaks) && !startsFormula(s[cellBeginning(s):]) {
		return s
	}
	var b strings.Builder
	for s != "" {
		n := cellBeginning(s)
		b.WriteString(s[:n])
		if startsFormula(s[n:]) {
			b.WriteString(textMark)
		}
		s = s[n:]
		n = cellEnd(s)
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}

// original takes away the marks of Neutral.
func original(cell []byte) []byte {
	if !bytes.Contains(cell, []byte(textMark)) {
		return cell
	}
	s := string(cell)
	out := make([]byte, 0, len(cell))
	for s != "" {
		n := cellBeginning(s)
		out = append(out, s[:n]...)
		if s = s[n:]; strings.HasPrefix(s, textMark) && startsFormula(s) {
			s = s[len(textMark):]
		}
		n = cellEnd(s)
		out = append(out, s[:n]...)
		s = s[n:]
	}
	return out
}

// cellBeginning is the length of what stands before a cell's text.
func cellBeginning(s string) int { return len(s) - len(strings.TrimLeft(s, breaks+`"`)) }

// cellEnd is the length of the text up to where another cell may begin.
func cellEnd(s string) int {
	if n := strings.IndexAny(s, breaks); n >= 0 {
		return n
	}
	return len(s)
}

// startsFormula reports whether a cell of this text could be a formula. Marks
// that stand there already are no text of ours, and get one more: so each text
// has one form, and no two have the same.
func startsFormula(s string) bool {
	for strings.HasPrefix(s, textMark) {
		s = s[len(textMark):]
	}
	// The wide forms are those of East Asian keyboards.
	switch r, _ := utf8.DecodeRuneInString(s); r {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
		return true
	}
	return false
}
