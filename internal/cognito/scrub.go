package cognito

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// maxText is the longest text that is kept, in characters.
	maxText = 200
	// maxCode is the longest code that is kept; AWS's longest has 47.
	maxCode = 64
	// shortName is the length under which a user name is looked for as a whole
	// word only: "us" stands in every other message.
	shortName = 4

	scrubbed = "[personal]"
)

var (
	// emails may have lost their first half to a user name already.
	emails = regexp.MustCompile(`(?:\[personal\]|[^\s"'<>(),;:\[\]])+@[^\s"'<>(),;:\[\]]+`)
	// phones are seven digits or more, however they are grouped; a client id's
	// digits stand between letters.
	phones = regexp.MustCompile(`\+?\b\d(?:[ ()./-]*\d){6,}\b`)
	// subs are users' ids.
	subs = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b`)
	// notInCodes is what no exception's name has.
	notInCodes = regexp.MustCompile(`[^\w.-]+`)
)

// scrub makes a text fit for logs and samples: without names (in any case),
// addresses, phone numbers, users' ids and control characters, and short. It
// scrubs before it cuts, so that no half of an address is left over.
func scrub(text string, names ...string) string {
	text = strings.Map(printable, strings.ToValidUTF8(text, "\uFFFD"))
	for _, name := range names {
		text = replaceFold(text, name)
	}
	for _, personal := range []*regexp.Regexp{emails, subs, phones} {
		text = personal.ReplaceAllLiteralString(text, scrubbed)
	}
	return cut(text, maxText)
}

// scrubCode does the same for a code that nobody listed.
func scrubCode(code string, names ...string) string {
	code = strings.ReplaceAll(scrub(code, names...), scrubbed, "")
	return cut(notInCodes.ReplaceAllLiteralString(code, ""), maxCode)
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most])
}

// replaceFold replaces a name in any case.
func replaceFold(text, name string) string {
	if name == "" || text == "" {
		return text
	}
	re, err := regexp.Compile(`(?i)` + regexp.QuoteMeta(name))
	if err != nil { // not UTF-8: then it cannot stand in the text either
		return text
	}
	var b strings.Builder
	from := 0
	for _, m := range re.FindAllStringIndex(text, -1) {
		if len(name) < shortName && !isWord(text, m[0], m[1]) {
			continue
		}
		b.WriteString(text[from:m[0]] + scrubbed)
		from = m[1]
	}
	return b.String() + text[from:]
}

// isWord reports whether neither neighbour of text[from:to] is a letter or a digit.
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !wordRune(before) && !wordRune(after)
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// personal lists the texts of a request that an answer could repeat, the
// longest first, so that a name inside another does not spoil it.
func personal(req reset.Request) []string {
	all := []string{
		req.Username.Reveal(), req.AnalyticsEndpointID.Reveal(),
		req.UserContext.IPAddress.Reveal(), req.UserContext.EncodedData.Reveal(),
	}
	for _, v := range req.ClientMetadata {
		all = append(all, v.Reveal())
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}
