package roster

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/internal/reset"
	"golang.org/x/text/cases"
)

// Cognito's limits, in characters: UsernameType and StringType of its API model.
const (
	maxUsername = 128
	maxString   = 131072
)

// Limits of rekey's own, since Cognito documents none and a chunk must stay
// small: the bytes of a row's parameters together, and its metadata entries.
const (
	maxRequest = 512 << 10
	maxEntries = MaxColumns
)

// Validate reports the first reason for which Cognito would not take the
// request. The text says where and what, and holds nothing of the content.
func Validate(req reset.Request) error {
	name := req.Username.Reveal()
	if err := validUsername(name); err != nil {
		return err
	}
	total := len(name)
	for _, p := range []struct {
		name string
		text reset.Personal
	}{
		{"analytics_endpoint_id", req.AnalyticsEndpointID},
		{"ip_address", req.UserContext.IPAddress},
		{"encoded_data", req.UserContext.EncodedData},
	} {
		if p.text.IsZero() {
			continue
		}
		if err := validString(p.name, p.text.Reveal()); err != nil {
			return err
		}
		total += len(p.text.Reveal())
	}
	return validMetadata(req.ClientMetadata, total)
}

func validMetadata(metadata map[string]reset.Personal, total int) error {
	if len(metadata) > maxEntries {
		return fmt.Errorf("client_metadata has %d entries, the limit is %d", len(metadata), maxEntries)
	}
	for k, v := range metadata {
		if err := validString("a key of client_metadata", k); err != nil {
			return err
		}
		if err := validString("a value of client_metadata", v.Reveal()); err != nil {
			return err
		}
		total += len(k) + len(v.Reveal())
	}
	if total > maxRequest {
		return fmt.Errorf("the parameters have %d bytes together, the limit is %d", total, maxRequest)
	}
	return nil
}

func validString(name, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not valid UTF-8", name)
	}
	if len(s) <= maxString {
		return nil
	}
	if n := utf8.RuneCountInString(s); n > maxString {
		return fmt.Errorf("%s has %d characters, the limit is %d", name, n, maxString)
	}
	return nil
}

// validUsername checks 1..128 of [\p{L}\p{M}\p{S}\p{N}\p{P}].
func validUsername(s string) error {
	if s == "" {
		return errors.New("username is empty")
	}
	n := 0
	for i, r := range s {
		n++
		if r > ' ' && r < 0x7f {
			continue // all of printable ASCII is letters, numbers, symbols and punctuation
		}
		if r == utf8.RuneError && !isRealReplacement(s[i:]) {
			return fmt.Errorf("username is not valid UTF-8 at position %d", n)
		}
		if !unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P) {
			return fmt.Errorf("username has %s at position %d", nameOf(r), n)
		}
	}
	if n > maxUsername {
		return fmt.Errorf("username has %d characters, the limit is %d", n, maxUsername)
	}
	return nil
}

// isRealReplacement tells an encoded U+FFFD from a byte that is no UTF-8.
func isRealReplacement(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size > 1
}

// nameOf says what kind of character r is. Its number is given where it cannot
// be seen: it helps to find the character and tells nothing about the user.
func nameOf(r rune) string {
	switch {
	case r == ' ':
		return "a space"
	case r == 0:
		return "a NUL byte"
	case r == '\n' || r == '\r':
		return "a line break"
	case unicode.IsSpace(r) || unicode.Is(unicode.Z, r):
		return fmt.Sprintf("white space (%U)", r)
	case unicode.IsControl(r):
		return fmt.Sprintf("a control character (%U)", r)
	case unicode.Is(unicode.Cf, r):
		return fmt.Sprintf("an invisible character (%U)", r)
	}
	return "a character without an assigned meaning"
}

// Fold returns the form by which usernames are compared: as the pool compares
// them, without case unless it is case-sensitive. Of Cherokee, whose two cases
// [cases.Fold] swaps, the cases stay different.
func Fold(username string, caseSensitive bool) string {
	if caseSensitive {
		return username
	}
	for i := range len(username) {
		if c := username[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return cases.Fold().String(username)
		}
	}
	return username
}
