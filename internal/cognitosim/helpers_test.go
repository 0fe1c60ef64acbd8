package cognitosim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// fast is a twin that limits nothing unless a test says so.
func fast(o cognitosim.Options) cognitosim.Options {
	if o.Quota == 0 {
		o.Quota = -1
	}
	if o.PerUserHour == 0 {
		o.PerUserHour = -1
	}
	if o.Users.N == 0 {
		o.Users.N = 1000
	}
	return o
}

// answer is what came back on the wire.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

// code is OK or the exception's name.
func (a answer) code() string {
	if a.status == http.StatusOK {
		return cognitosim.OK
	}
	s, _ := a.body["__type"].(string)
	return s
}

func (a answer) message() string {
	s, _ := a.body["message"].(string)
	return s
}

func newRequest(operation, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("User-Agent", "test")
	return r
}

// serve hands a request to the twin without a network.
func serve(t *testing.T, s http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Result().Header, raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
		t.Fatalf("the answer is no JSON: %q", a.raw)
	}
	return a
}

// call sends the given fields.
func call(t *testing.T, s http.Handler, operation string, fields map[string]any) answer {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s, newRequest(operation, string(body)))
}

func forgot(t *testing.T, s http.Handler, username string) answer {
	t.Helper()
	return call(t, s, "ForgotPassword", map[string]any{"ClientId": "rekeytwin", "Username": username})
}

func confirm(t *testing.T, s http.Handler, username, code string) answer {
	t.Helper()
	return call(t, s, "ConfirmForgotPassword", map[string]any{
		"ClientId": "rekeytwin", "Username": username, "ConfirmationCode": code, "Password": "Passw0rd!"})
}

// sdk is AWS's own client, pointed at the twin, with its retries off.
func sdk(endpoint string, c *http.Client) *cip.Client {
	return cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, Retryer: aws.NopRetryer{}, HTTPClient: c})
}

func input(username string) *cip.ForgotPasswordInput {
	return &cip.ForgotPasswordInput{ClientId: aws.String("rekeytwin"), Username: &username}
}
