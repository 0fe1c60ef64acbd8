package cognito

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go"

	"github.com/rekeyhq/rekey/internal/reset"
)

func itoa(n int) string { return strconv.Itoa(n) }

// given answers the SDK with one response, without a server.
type given struct{ resp *http.Response }

func (g given) Do(*http.Request) (*http.Response, error) { return g.resp, nil }

// decode is what the SDK reads in a response.
func decode(t testing.TB, resp *http.Response) (code, text string) {
	t.Helper()
	sdk := newSDK(Config{Region: "eu-west-1"})
	in := &cip.ForgotPasswordInput{ClientId: new("id"), Username: new("alice")}
	_, err := sdk.ForgotPassword(t.Context(), in, func(o *cip.Options) { o.HTTPClient = given{resp} })
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", ""
	}
	return api.ErrorCode(), api.ErrorMessage()
}

// modelled reads the exceptions of ForgotPassword in the SDK's own source.
func modelled(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "deserializers.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, source, ok := bytes.Cut(source, []byte("func awsAwsjson11_deserializeOpErrorForgotPassword("))
	if !ok {
		t.Fatal("the SDK's deserializer of ForgotPassword is not where it was")
	}
	source, _, _ = bytes.Cut(source, []byte("\n}\n"))
	var codes []string
	for _, m := range regexp.MustCompile(`strings\.EqualFold\("(\w+)", errorCode\)`).FindAllSubmatch(source, -1) {
		codes = append(codes, string(m[1]))
	}
	return codes
}

func TestEveryModelledExceptionHasARow(t *testing.T) {
	t.Parallel()
	codes := modelled(t)
	if len(codes) < 16 {
		t.Fatalf("only %d exceptions read: %v", len(codes), codes)
	}
	for _, code := range codes {
		// An unheard-of text: a code needs a row for whatever AWS may say.
		if e := Classify(code, "a text that nobody has seen"); e.Cause == reset.Other {
			t.Errorf("the SDK models %s, and the table has no row for every text of it", code)
		}
	}
}

func TestEveryRowSaysWhyAndWhat(t *testing.T) {
	t.Parallel()
	for i, r := range Rows(refusal) {
		if r.Reason == "" || r.Outcome == 0 || r.Cause == reset.NoCause || r.Code == "" {
			t.Errorf("row %d is incomplete: %+v", i, r)
		}
		if family, _, _ := strings.Cut(r.Cause.String(), "."); family != r.Code {
			t.Errorf("row %d: cause %v of code %s", i, r.Cause, r.Code)
		}
		if slices.Contains(r.Texts, "") {
			t.Errorf("row %d: an empty text", i)
		}
	}
}

func TestOnlyKnownRowsSendAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, text string
		outcome    reset.Outcome
		cause      reset.Cause
		why        string
	}{
		{"LimitExceededException", "ATTEMPT LIMIT EXCEEDED", reset.UserLimited, reset.LimitExceededUser, "case is not AWS's promise"},
		{"limitexceededexception", "", reset.Throttled, reset.LimitExceeded, "nor is that of codes"},
		{"LimitExceeded", "daily email limit", reset.QuotaSpent, reset.LimitExceededDailyEmail, "bare, as some emulators have it"},
		{"UserLambdaValidationException", "CustomMessage failed with error " + refusal, reset.Misconfigured, reset.UserLambdaValidation, "no refusal is configured here"},
		{"NewException", "whatever", reset.Unanswered, reset.Other, "perhaps something was sent"},
		{"", "", reset.Unanswered, reset.Other, "nor without a code"},
		{"Exception", "", reset.Unanswered, reset.Other, "a name of nothing else"},
	} {
		if e := Classify(c.code, c.text); e.Outcome != c.outcome || e.Cause != c.cause {
			t.Errorf("%s %q: %v %v, want %v %v: %s", c.code, c.text, e.Outcome, e.Cause, c.outcome, c.cause, c.why)
		}
	}
}

func TestLambdaRefusalsStandBeforeTheirException(t *testing.T) {
	t.Parallel()
	const text = "PreSignUp failed with error this account IS closed."
	if e := Classify("UserLambdaValidationException", text, "other", refusal); e.Outcome != reset.Refused || e.Cause != reset.UserLambdaValidationRefused {
		t.Errorf("%v", e)
	}
	if len(Rows(refusal)) != len(Rows())+1 {
		t.Error("the refusals are not one row")
	}
	if len(table) != len(Rows()) {
		t.Error("Rows changed the table")
	}
}

func TestMarkdownHasEveryRow(t *testing.T) {
	t.Parallel()
	rows := append(Rows(), Row{Code: "X", Texts: []string{"a|b"}, Outcome: reset.Refused, Cause: reset.Other, Reason: "c"})
	lines := strings.Split(strings.TrimSpace(Markdown(rows)), "\n")
	if len(lines) != len(rows)+2 {
		t.Fatalf("%d lines for %d rows", len(lines), len(rows))
	}
	for i, line := range lines {
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 6 {
			t.Errorf("line %d has %d bars: %s", i, n, line)
		}
	}
}
