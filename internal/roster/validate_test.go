package roster

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
	"golang.org/x/text/cases"
	"pgregory.net/rapid"
)

func TestUsernamesAsCognitoHasThem(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a":                            "",
		"alice@example.com":            "",
		"+4915112345678":               "",
		"Ünï-ço∂é":                     "",
		"用户":                           "",
		"e\u0301":                      "", // a mark
		"🙂":                            "", // a symbol
		"~!@#$%^&*()_+{}|:\"<>?`[];',": "",
		strings.Repeat("x", 128):       "",
		strings.Repeat("ü", 128):       "",
		"\ufffd":                       "",
		"":                             "username is empty",
		strings.Repeat("x", 129):       "username has 129 characters, the limit is 128",
		strings.Repeat("ü", 200):       "username has 200 characters, the limit is 128",
		"alice b":                      "username has a space at position 6",
		"ü b":                          "username has a space at position 2",
		" alice":                       "username has a space at position 1",
		"a\tb":                         "username has white space (U+0009) at position 2",
		"a\u00a0b":                     "username has white space (U+00A0) at position 2",
		"a\u2028b":                     "username has white space (U+2028) at position 2",
		"a\nb":                         "username has a line break at position 2",
		"a\x00":                        "username has a NUL byte at position 2",
		"a\x7f":                        "username has a control character (U+007F) at position 2",
		"\ufeffalice":                  "username has an invisible character (U+FEFF) at position 1",
		"al\u200bice":                  "username has an invisible character (U+200B) at position 3",
		"a\ue000":                      "username has a character without an assigned meaning at position 2",
		"al\xffice":                    "username is not valid UTF-8 at position 3",
	} {
		if got := textOf(Validate(user(name))); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParametersAsCognitoHasThem(t *testing.T) {
	t.Parallel()
	full, over := strings.Repeat("ü", maxString), strings.Repeat("ü", maxString+1)
	hide := func(m map[string]string) map[string]reset.Personal {
		out := map[string]reset.Personal{}
		for k, v := range m {
			out[k] = reset.Hide(v)
		}
		return out
	}
	many := map[string]string{}
	for i := range maxEntries + 1 {
		many[strings.Repeat("k", i)] = ""
	}
	for name, c := range map[string]struct {
		change func(*reset.Request)
		want   string
	}{
		"the longest":        {func(r *reset.Request) { r.UserContext.EncodedData = reset.Hide(full) }, ""},
		"encoded data":       {func(r *reset.Request) { r.UserContext.EncodedData = reset.Hide(over) }, "encoded_data has 131073 characters, the limit is 131072"},
		"IP address":         {func(r *reset.Request) { r.UserContext.IPAddress = reset.Hide(over) }, "ip_address has 131073 characters, the limit is 131072"},
		"analytics id":       {func(r *reset.Request) { r.AnalyticsEndpointID = reset.Hide("\xff") }, "analytics_endpoint_id is not valid UTF-8"},
		"metadata":           {func(r *reset.Request) { r.ClientMetadata = hide(map[string]string{"k": "a\nb\x00", "": ""}) }, ""},
		"metadata value":     {func(r *reset.Request) { r.ClientMetadata = hide(map[string]string{"k": over}) }, "a value of client_metadata has 131073 characters, the limit is 131072"},
		"metadata key":       {func(r *reset.Request) { r.ClientMetadata = hide(map[string]string{over: "v"}) }, "a key of client_metadata has 131073 characters, the limit is 131072"},
		"metadata text":      {func(r *reset.Request) { r.ClientMetadata = hide(map[string]string{"k": "\xff"}) }, "a value of client_metadata is not valid UTF-8"},
		"metadata, too many": {func(r *reset.Request) { r.ClientMetadata = hide(many) }, "client_metadata has 1001 entries, the limit is 1000"},
		"all together": {func(r *reset.Request) {
			r.ClientMetadata = hide(map[string]string{"a": full, "b": full})
			r.UserContext.EncodedData = reset.Hide("x")
		}, "the parameters have 524292 bytes together, the limit is 524288"},
	} {
		r := user("a")
		c.change(&r)
		if got := textOf(Validate(r)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The short cuts for ASCII must not differ from the rule.
func TestFoldIsCasesFold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9@.ßẞK ſ]{0,20}`)).Draw(t, "username")
		want := cases.Fold().String(s)
		if got := Fold(s, false); got != want {
			t.Fatalf("Fold(%q) = %q, want %q", s, got, want)
		}
		if Fold(s, true) != s {
			t.Fatalf("Fold changed %q of a case-sensitive pool", s)
		}
		seen := newSeen(false)
		seen.add(s)
		for _, other := range []string{want, strings.ToUpper(s), strings.ToLower(s), strings.ToTitle(s), s + "x"} {
			if same := Fold(other, false) == want; seen.add(other) == same {
				t.Fatalf("%q and %q: the same user is %v", s, other, same)
			}
			seen = newSeen(false)
			seen.add(s)
		}
	})
}
