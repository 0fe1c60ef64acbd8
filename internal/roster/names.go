package roster

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what an error or a plan lists.
const (
	maxListed = 20
	maxName   = 64
)

// publicName is a column's name as it may be printed. In a file without a
// header the first line holds a user, so what can hardly be a column's name is
// not shown.
func publicName(name string, i int) string {
	if name == "" || looksPersonal(name) {
		return fmt.Sprintf("column %d", i+1)
	}
	return name
}

// looksPersonal reports whether a name looks like an address, a number, an id
// or free text rather than like a column's name.
func looksPersonal(name string) bool {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
		if r == '@' || unicode.IsControl(r) {
			return true
		}
	}
	return digits > 4 || len(name) > maxName || !utf8.ValidString(name)
}

// listNames lists a header's columns for an error.
func listNames(names []string) string {
	shown := make([]string, 0, maxListed)
	for i, name := range names[:min(len(names), maxListed)] {
		s := publicName(name, i)
		if s != name {
			s += " (not shown: it does not look like a name of a column)"
		}
		shown = append(shown, s)
	}
	if more := len(names) - maxListed; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, ", ")
}
