package cognitosim_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestAnErrorLooksAsOnTheWire(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{}))
	a := forgot(t, s, "nobody")
	if want := `{"__type":"UserNotFoundException","message":"Username/client id combination not found."}`; a.raw != want {
		t.Errorf("the body is %s, want %s", a.raw, want)
	}
	for name, want := range map[string]string{
		"x-amzn-ErrorType":    "UserNotFoundException:",
		"x-amzn-ErrorMessage": "Username/client id combination not found.",
	} {
		if got := a.header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if got := a.header.Get("Content-Type"); got != "application/x-amz-json-1.1" {
		t.Errorf("Content-Type is %q", got)
	}
	//lint:ignore SA1008 the spelling that AWS sends is what is tested
	id := a.header["x-amzn-RequestId"]
	if len(id) != 1 || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id[0]) {
		t.Errorf("request id is %q", id)
	}
}

func TestErrorsComeInEveryForm(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{Form: cognitosim.Mixed}))
	seen := map[string]int{}
	for range 60 {
		a := forgot(t, s, "nobody")
		//lint:ignore SA1008 the spelling that AWS sends is what is tested
		typed := a.header["x-amzn-ErrorType"] != nil
		switch {
		case a.code() == "UserNotFoundException":
			seen["bare"]++
		case strings.HasSuffix(a.code(), "#UserNotFoundException") && a.body["Message"] != nil && !typed:
			seen["namespace"]++
		case strings.HasPrefix(a.code(), "UserNotFoundException:http://"):
			seen["url"]++
		default:
			t.Fatalf("what is this: %s", a.raw)
		}
	}
	if len(seen) != 3 {
		t.Errorf("of three forms only %v were seen", seen)
	}
}

func TestBadRequestsAreRefusedInAWSsWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	const nameRule = `Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+`
	for _, c := range []struct{ why, operation, body, code, message string }{
		{"white space", "ForgotPassword", `{"ClientId":"rekeytwin","Username":"a b"}`, "InvalidParameterException",
			"1 validation error detected: " + nameRule},
		{"empty", "ForgotPassword", `{"ClientId":"rekeytwin","Username":""}`, "InvalidParameterException",
			"2 validation errors detected: Value at 'username' failed to satisfy constraint: Member must have length greater than or equal to 1; " + nameRule},
		{"too long", "ForgotPassword", `{"ClientId":"rekeytwin","Username":"` + long + `"}`, "InvalidParameterException",
			"1 validation error detected: Value at 'username' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"absent", "ForgotPassword", `{"ClientId":"rekeytwin"}`, "InvalidParameterException",
			"1 validation error detected: Value null at 'username' failed to satisfy constraint: Member must not be null"},
		{"client id with a hyphen", "ForgotPassword", `{"ClientId":"a-b","Username":"u"}`, "InvalidParameterException",
			`1 validation error detected: Value at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+]+`},
		{"secret hash", "ForgotPassword", `{"ClientId":"a","Username":"u","SecretHash":"?"}`, "InvalidParameterException",
			`1 validation error detected: Value at 'secretHash' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=/]+`},
		{"no code", "ConfirmForgotPassword", `{"ClientId":"a","Username":"u","Password":"Passw0rd!"}`, "InvalidParameterException",
			"1 validation error detected: Value null at 'confirmationCode' failed to satisfy constraint: Member must not be null"},
		{"wrong client", "ForgotPassword", `{"ClientId":"another","Username":"user000001"}`, "ResourceNotFoundException",
			"User pool client another does not exist."},
		{"a number", "ForgotPassword", `{"ClientId":"a","Username":7}`, "SerializationException", "NUMBER_VALUE can not be converted to a String"},
		{"no JSON", "ForgotPassword", `ClientId=a`, "SerializationException", ""},
		{"another operation", "SignUp", `{}`, "UnknownOperationException", ""},
	} {
		s := cognitosim.New(fast(cognitosim.Options{}))
		a := serve(t, s, newRequest(c.operation, c.body))
		if a.status != 400 || a.code() != c.code || a.message() != c.message {
			t.Errorf("%s: %d %s %q, want 400 %s %q", c.why, a.status, a.code(), a.message(), c.code, c.message)
		}
		if j := s.Journal(); len(j) != 1 || j[0].Answer != c.code || j[0].Sent {
			t.Errorf("%s: the journal has %+v", c.why, j)
		}
	}
}

func TestNamesOfAllScriptsPass(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{}))
	for _, name := range []string{"ann@example.com", "+15551234567", "Σίσυφος", "李雷", "e\u0301ric", strings.Repeat("é", 128), "a😀", "$€"} {
		if a := forgot(t, s, name); a.code() != "UserNotFoundException" {
			t.Errorf("%q: %s", name, a.raw)
		}
	}
}

func TestAWFRuleRefusesRequestsWithoutUserAgent(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{RequireUserAgent: true}))
	r := newRequest("ForgotPassword", `{"ClientId":"rekeytwin","Username":"user000001"}`)
	r.Header.Del("User-Agent")
	if a := serve(t, s, r); a.status != http.StatusForbidden || a.code() != "ForbiddenException" || !strings.Contains(a.message(), "WAF") {
		t.Errorf("without: %d %s", a.status, a.raw)
	}
	if a := forgot(t, s, "user000001"); a.status != http.StatusOK {
		t.Errorf("with: %d %s", a.status, a.raw)
	}
}

func TestTheWholeRequestIsKeptForTests(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{}))
	serve(t, s, newRequest("ForgotPassword", `{"ClientId":"rekeytwin","Username":"user000001","ClientMetadata":{"k":"v"},
		"AnalyticsMetadata":{"AnalyticsEndpointId":"e"},"UserContextData":{"IpAddress":"192.0.2.1","EncodedData":"d"}}`))
	e := s.Journal()[0]
	if in := e.Input; in.ClientMetadata["k"] != "v" || *in.AnalyticsMetadata.AnalyticsEndpointID != "e" ||
		*in.UserContextData.IPAddress != "192.0.2.1" || *in.UserContextData.EncodedData != "d" || e.UserAgent != "test" {
		t.Errorf("kept was %+v", e)
	}
}
