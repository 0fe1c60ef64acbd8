package cognito

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/rekeyhq/rekey/internal/reset"
)

// replayed is a call whose answer is at hand, in place of a connection.
type replayed struct {
	*call
	resp *http.Response
}

func (r replayed) Do(*http.Request) (*http.Response, error) {
	r.gate.open()
	r.gate.wrote(1)
	r.asked = true
	if r.err = r.read(r.resp); r.err != nil {
		return nil, r.err
	}
	r.status = r.resp.StatusCode
	return r.resp, nil
}

// FuzzAnswer: whatever a server says, the outcome is one of reset's, nothing of
// the request comes back, and only a JSON object with 2xx is Accepted.
func FuzzAnswer(f *testing.F) {
	for _, r := range recordings(f) {
		if len(r.body) > 1000 {
			continue
		}
		status := strings.Fields(r.status)[1]
		f.Add(int(status[0]-'0')*100+int(status[1]-'0')*10+int(status[2]-'0'), "", []byte(r.body), "alice")
	}
	f.Add(400, "UserNotFoundException:http://x#y", []byte(`{"message":7,"__type":[]}`), "a")
	f.Add(299, "", []byte(" \n{\"CodeDeliveryDetails\":null}"), "\xff")
	c, err := New(Config{Region: "eu-west-1", ClientID: testClient, LambdaRefusals: []string{refusal}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, errorType string, body []byte, name string) {
		if status < 100 || status > 999 || status == http.StatusSwitchingProtocols {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		l := c.newCall(ctx, user(name), soon())
		defer l.gate.end()
		resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
		resp.Header.Set("X-Amzn-ErrorType", errorType)
		_, sdk := c.sdk.ForgotPassword(l.gate.ctx, c.input(l.req, secret{}), func(o *cip.Options) { o.HTTPClient = replayed{l, resp} })
		check(t, l.failure(sdk), l, name)
	})
}

func check(t *testing.T, e *reset.Error, l *call, name string) {
	t.Helper()
	if e == nil {
		if l.status/100 != 2 || !bytes.HasPrefix(bytes.TrimSpace(l.body), []byte("{")) {
			t.Fatalf("accepted: HTTP %d %q", l.status, l.body)
		}
		return
	}
	known := e.Outcome > reset.Accepted && e.Outcome <= reset.NotSent
	if _, err := reset.ParseCause(e.Cause.String()); !known || err != nil {
		t.Fatalf("%v %v", e.Outcome, e.Cause)
	}
	if e.Outcome == reset.NotSent || e.Outcome == reset.Unavailable {
		t.Fatalf("%v, but it was answered", e)
	}
	if utf8.RuneCountInString(e.Text) > maxText || !utf8.ValidString(e.Text) || strings.ContainsAny(e.Text, "\r\n\x00") {
		t.Fatalf("text %q", e.Text)
	}
	if len(name) >= shortName && !strings.Contains(scrubbed, name) && len(e.Text) < maxText-len(scrubbed) &&
		strings.Contains(strings.ReplaceAll(e.Text, scrubbed, "\x00"), name) {
		t.Fatalf("%q in %q", name, e.Text)
	}
}
