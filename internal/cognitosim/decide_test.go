package cognitosim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// everyStatus has one user of each kind.
func everyStatus() cognitosim.Users {
	return cognitosim.Users{List: []cognitosim.User{
		{Username: "ann", Status: cognitosim.Confirmed}, {Username: "bob", Status: cognitosim.Unconfirmed},
		{Username: "cyd", Status: cognitosim.Disabled}, {Username: "dan", Status: cognitosim.Unverified},
		{Username: "eve", Status: cognitosim.ForceChange}}}
}

func TestAUsersStatusDecides(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ username, shown, hidden string }{
		{"ann", "OK", "OK"},
		{"bob", "UserNotConfirmedException", "OK"},
		{"cyd", "NotAuthorizedException", "OK"},
		{"dan", "InvalidParameterException", "OK"},
		{"eve", "NotAuthorizedException", "NotAuthorizedException"},
		{"nobody", "UserNotFoundException", "OK"},
	} {
		for _, hide := range []bool{false, true} {
			s := cognitosim.New(fast(cognitosim.Options{Users: everyStatus(), HideUnknown: hide}))
			want := c.shown
			if hide {
				want = c.hidden
			}
			if got := forgot(t, s, c.username).code(); got != want {
				t.Errorf("%s, hidden %v: %s, want %s", c.username, hide, got, want)
			}
			if e := s.Journal()[0]; e.Sent != (c.username == "ann") {
				t.Errorf("%s, hidden %v: sent is %v", c.username, hide, e.Sent)
			}
		}
	}
}

func TestASimulatedAnswerIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{HideUnknown: true}))
	first, second := forgot(t, s, "nobody"), forgot(t, s, "NOBODY")
	if first.raw != second.raw || first.raw == forgot(t, s, "somebody").raw {
		t.Errorf("%s, then %s", first.raw, second.raw)
	}
	if got := confirm(t, s, "nobody", "123456").code(); got != "ExpiredCodeException" {
		t.Errorf("confirming tells that there is no such user: %s", got)
	}
}

func TestUsernamesAreComparedAsThePoolDoes(t *testing.T) {
	t.Parallel()
	list := []cognitosim.User{{Username: "Ann"}, {Username: "STRASSE"}, {Username: "Σίσυφος"}}
	for _, c := range []struct {
		name      string
		sensitive bool
		want      string
	}{
		{"ann", false, "OK"}, {"ANN", false, "OK"}, {"straße", false, "OK"}, {"ΣΊΣΥΦΟΣ", false, "OK"}, {"USER000007", false, "OK"},
		{"Ann", true, "OK"}, {"ann", true, "UserNotFoundException"}, {"USER000007", true, "UserNotFoundException"},
	} {
		s := cognitosim.New(fast(cognitosim.Options{CaseSensitive: c.sensitive, Users: cognitosim.Users{N: 10, List: list}}))
		if got := forgot(t, s, c.name).code(); got != c.want {
			t.Errorf("%s, case-sensitive %v: %s, want %s", c.name, c.sensitive, got, c.want)
		}
	}
}

func TestOnlyGeneratedNamesAreGenerated(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{Users: cognitosim.Users{N: 10}}))
	for name, want := range map[string]string{
		"user000000": "OK", "user000009": "OK", "user000010": "UserNotFoundException", "user9": "UserNotFoundException",
		"user0000009": "UserNotFoundException", "user+00009": "UserNotFoundException", "user-00001": "UserNotFoundException", "user": "UserNotFoundException",
	} {
		if got := forgot(t, s, name).code(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func secretHash(secret, message string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestASecretIsAskedForAndTwoAreValidWhileRotated(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{ClientSecrets: []string{"old", "new"}}))
	for _, c := range []struct{ why, hash, want, message string }{
		{"the first", secretHash("old", "user000001rekeytwin"), "OK", ""},
		{"the second", secretHash("new", "user000001rekeytwin"), "OK", ""},
		{"another", secretHash("bad", "user000001rekeytwin"), "NotAuthorizedException", "Unable to verify secret hash for client rekeytwin"},
		{"over another spelling", secretHash("new", "USER000001rekeytwin"), "NotAuthorizedException", "Unable to verify secret hash for client rekeytwin"},
		{"in the wrong order", secretHash("new", "rekeytwinuser000001"), "NotAuthorizedException", "Unable to verify secret hash for client rekeytwin"},
	} {
		a := call(t, s, "ForgotPassword", map[string]any{"ClientId": "rekeytwin", "Username": "user000001", "SecretHash": c.hash})
		if a.code() != c.want || a.message() != c.message {
			t.Errorf("%s: %s", c.why, a.raw)
		}
	}
	if a := forgot(t, s, "user000001"); a.message() != "Client rekeytwin is configured for secret but secret was not received" {
		t.Errorf("none: %s", a.raw)
	}
	s.SetSecrets("new")
	a := call(t, s, "ForgotPassword", map[string]any{"ClientId": "rekeytwin", "Username": "user000001", "SecretHash": secretHash("old", "user000001rekeytwin")})
	if a.code() != "NotAuthorizedException" {
		t.Errorf("the old one after the rotation: %s", a.raw)
	}
	s.SetSecrets()
	if a := forgot(t, s, "user000001"); a.code() != "OK" {
		t.Errorf("a client without a secret: %s", a.raw)
	}
}

func TestACodeLivesOneHourAndWorksOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(fast(cognitosim.Options{}))
		forgot(t, s, "user000001")
		codes := s.Codes("USER000001")
		if len(codes) != 1 || codes[0].ClientID != "rekeytwin" || codes[0].Until.Sub(codes[0].At) != time.Hour {
			t.Fatalf("codes are %+v", codes)
		}
		wrong := "000000"
		if codes[0].Code == wrong {
			wrong = "000001"
		}
		for _, c := range []struct{ why, code, want string }{
			{"wrong", wrong, "CodeMismatchException"}, {"right", codes[0].Code, "OK"}, {"again", codes[0].Code, "ExpiredCodeException"},
		} {
			if got := confirm(t, s, "user000001", c.code).code(); got != c.want {
				t.Errorf("%s: %s, want %s", c.why, got, c.want)
			}
		}
		forgot(t, s, "user000001")
		late := s.Codes("user000001")[0].Code
		time.Sleep(time.Hour - time.Nanosecond)
		if n := len(s.Codes("user000001")); n != 1 {
			t.Errorf("%d codes just before the hour", n)
		}
		time.Sleep(time.Nanosecond)
		if n := len(s.Codes("user000001")); n != 0 {
			t.Errorf("%d codes after the hour", n)
		}
		if got := confirm(t, s, "user000001", late).code(); got != "ExpiredCodeException" {
			t.Errorf("after the hour: %s", got)
		}
		if d := s.Doubles(); len(d) != 0 {
			t.Errorf("doubles: %+v", d)
		}
	})
}

func TestACodeWorksOnlyWithItsClientAndAPassword(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{ClientIDs: []string{"rekeytwin", "other"}}))
	forgot(t, s, "user000001")
	code := s.Codes("user000001")[0].Code
	fields := map[string]any{"ClientId": "other", "Username": "user000001", "ConfirmationCode": code, "Password": "Passw0rd!"}
	if a := call(t, s, "ConfirmForgotPassword", fields); a.code() != "CodeMismatchException" {
		t.Errorf("through another client: %s", a.raw)
	}
	fields["ClientId"], fields["Password"] = "rekeytwin", "short"
	if a := call(t, s, "ConfirmForgotPassword", fields); a.code() != "InvalidPasswordException" {
		t.Errorf("with a short password: %s", a.raw)
	}
	if a := confirm(t, s, "nobody", code); a.code() != "UserNotFoundException" {
		t.Errorf("of nobody: %s", a.raw)
	}
	if e := s.Journal()[1]; e.Operation != "ConfirmForgotPassword" || e.Sent {
		t.Errorf("the journal has %+v", e)
	}
}

func TestTwoLiveCodesAreSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(fast(cognitosim.Options{Hour: 10 * time.Second}))
		forgot(t, s, "user000001")
		forgot(t, s, "user000002")
		time.Sleep(9 * time.Second)
		forgot(t, s, "User000001")
		if d := s.Doubles(); len(d) != 1 || d[0].Username != "User000001" || d[0].Second.At.Sub(d[0].First.At) != 9*time.Second {
			t.Fatalf("doubles: %+v", d)
		}
		if n := len(s.Codes("user000001")); n != 2 {
			t.Errorf("%d codes are alive, want 2", n)
		}
		time.Sleep(time.Second)
		if n := len(s.Codes("user000001")); n != 1 {
			t.Errorf("%d codes are alive a second later, want 1", n)
		}
		forgot(t, s, "user000002")
		if d := s.Doubles(); len(d) != 1 {
			t.Errorf("a code after the other's end counts as a double: %+v", d)
		}
	})
}
