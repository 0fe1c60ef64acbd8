package cognito

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, name, want string }{
		{"User alice does not exist", "alice", "User [personal] does not exist"},
		{"User ALICE, Alice and aLiCe", "alice", "User [personal], [personal] and [personal]"},
		{"a.b+c is not a.bbc", "a.b+c", "[personal] is not a.bbc"},
		{"Straße STRASSE ſtraße", "straße", "[personal] STRASSE [personal]"},
		{"user us is us, not using", "us", "user [personal] is [personal], not using"},
		{"identity after@example.com failed", "x", "identity [personal] failed"},
		{"identity/ops@mail.example.com, a@b", "", "[personal], [personal]"},
		{"<bob@example.com> \"eve@example.com\"", "", "<[personal]> \"[personal]\""},
		{"call +15550100199 or (555) 010-0199 or 555-010-0199", "", "call [personal] or ([personal] or [personal]"},
		{"mail alice@example.com or malice@example.com", "alice", "mail [personal] or [personal]"},
		{"+44 20 7946 0018 is taken", "", "[personal] is taken"},
		{"sub 11111111-2222-4333-8444-555555555555", "", "sub [personal]"},
		{"client 1h57kf5cpq17m0eml12example does not exist", "alice", "client 1h57kf5cpq17m0eml12example does not exist"},
		{"length 20000 and {####}, 09:00 UTC", "alice", "length 20000 and {####}, 09:00 UTC"},
		{"two\r\nlines\x00\u2028", "", "two  lines  "},
		{"bad \xff utf-8", "", "bad \uFFFD utf-8"},
		{"", "alice", ""},
		{"text", "\xff", "text"},
	} {
		if got := scrub(c.text, c.name); got != c.want {
			t.Errorf("scrub(%q, %q) = %q, want %q", c.text, c.name, got, c.want)
		}
	}
}

// TestScrubCutsLast: an address that straddles the cut leaves nothing behind.
func TestScrubCutsLast(t *testing.T) {
	t.Parallel()
	for n := maxText - 20; n <= maxText+5; n++ {
		got := scrub(strings.Repeat("ü", n)+" alice@example.com", "")
		if utf8.RuneCountInString(got) > maxText || strings.Contains(got, "ali") {
			t.Errorf("at %d: %q", n, got)
		}
	}
}

func TestScrubCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"SerializationException": "SerializationException",
		"a.b-C_1":                "a.b-C_1",
		"User alice\n{\"x\"}":    "Userx",
		"alice@example.com":      "",
		strings.Repeat("x", 100): strings.Repeat("x", maxCode),
	} {
		if got := scrubCode(code, "alice"); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

// TestNothingOfTheRequestComesBack has the server repeat everything, in the
// text and in the code, as Lambdas do.
func TestNothingOfTheRequestComesBack(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			name, ok := readRequest(r)
			if !ok {
				return
			}
			text := fmt.Sprintf("PreSignUp failed with error %s (%s) from 203.0.113.7 as VIP-Customer", name, strings.ToUpper(name))
			body, _ := json.Marshal(map[string]string{"__type": name, "message": text})
			fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	req := user("Jörg-Müller_99")
	req.UserContext.IPAddress = reset.Hide("203.0.113.7")
	req.ClientMetadata = map[string]reset.Personal{"tier": reset.Hide("vip-customer")}
	_, err := client(t, srv.url()).ForgotPassword(t.Context(), req, soon())
	e := failureOf(t, err)
	wantFailure(t, e, reset.Unanswered, reset.Other)
	all := strings.ToLower(fmt.Sprintf("%v %+v %q %v", err, *e, e.Code, e.Err))
	for _, secret := range []string{"müller", "rg-m", "203.0", "vip"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q in %s", secret, all)
		}
	}
}
