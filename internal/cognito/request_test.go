package cognito

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// sent is a request as a server sees it.
type sent struct {
	header http.Header
	method string
	path   string
	body   map[string]any
}

// send makes a call and returns what the server had of it.
func send(t *testing.T, req reset.Request, options ...func(*Config)) sent {
	t.Helper()
	got := make(chan sent, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sent{header: r.Header.Clone(), method: r.Method, path: r.URL.Path}
		if err := json.NewDecoder(r.Body).Decode(&s.body); err != nil {
			t.Error(err)
		}
		got <- s
		io.WriteString(w, okAnswer)
	}))
	t.Cleanup(srv.Close)
	if _, err := client(t, srv.URL, options...).ForgotPassword(t.Context(), req, soon()); err != nil {
		t.Fatal(err)
	}
	return <-got
}

func TestRequestHasAllSixParameters(t *testing.T) {
	t.Parallel()
	got := send(t, reset.Request{
		Username:            reset.Hide("alice@example.com"),
		ClientMetadata:      map[string]reset.Personal{"reason": reset.Hide("breach"), "empty": reset.Hide("")},
		AnalyticsEndpointID: reset.Hide("endpoint-1"),
		UserContext:         reset.UserContext{IPAddress: reset.Hide("203.0.113.7"), EncodedData: reset.Hide("ZGF0YQ==")},
	}, func(c *Config) { c.ClientSecrets = []string{"s3cretKeyOfTheClient"} })
	want := map[string]any{
		"ClientId": testClient,
		"Username": "alice@example.com",
		// openssl dgst -sha256 -hmac KEY, over user name and client id.
		"SecretHash":        "/36fmAxGwmUuPpsyQYE6rx8pLwTQC2A/g9GSIEiXpZM=",
		"ClientMetadata":    map[string]any{"reason": "breach", "empty": ""},
		"AnalyticsMetadata": map[string]any{"AnalyticsEndpointId": "endpoint-1"},
		"UserContextData":   map[string]any{"IpAddress": "203.0.113.7", "EncodedData": "ZGF0YQ=="},
	}
	if !reflect.DeepEqual(got.body, want) {
		t.Errorf("%v\nwant %v", got.body, want)
	}
}

// TestWhatIsNotGivenIsNotSent: Cognito refuses empty strings.
func TestWhatIsNotGivenIsNotSent(t *testing.T) {
	t.Parallel()
	got := send(t, user("alice"))
	if want := map[string]any{"ClientId": testClient, "Username": "alice"}; !maps.Equal(got.body, want) {
		t.Errorf("%v, want %v", got.body, want)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	got := send(t, user("alice"), func(c *Config) { c.UserAgent = "rekey/1.2" })
	for key, want := range map[string]string{
		"X-Amz-Target": "AWSCognitoIdentityProviderService.ForgotPassword",
		"Content-Type": "application/x-amz-json-1.1",
		// A signature would need credentials, and betray whose they are.
		"Authorization": "",
		"X-Amz-Date":    "",
	} {
		if h := got.header.Get(key); h != want {
			t.Errorf("%s: %q, want %q", key, h, want)
		}
	}
	if ua := got.header.Get("User-Agent"); !strings.HasPrefix(ua, "rekey/1.2 aws-sdk-go-v2/") {
		t.Errorf("User-Agent %q", ua)
	}
	if got.method != http.MethodPost || got.path != "/" {
		t.Errorf("%s %s", got.method, got.path)
	}
}

func TestUserAgentIsNeverAbsent(t *testing.T) {
	t.Parallel()
	if ua := send(t, user("alice")).header.Get("User-Agent"); !strings.HasPrefix(ua, "rekey ") {
		t.Errorf("User-Agent %q", ua)
	}
}

// TestEnvironmentChangesNothing: a worker sends what its own file says.
func TestEnvironmentChangesNothing(t *testing.T) {
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a",
		"AWS_SECRET_ACCESS_KEY": "b", "HTTP_PROXY": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "5",
	} {
		t.Setenv(key, value)
	}
	if h := send(t, user("alice")).header.Get("Authorization"); h != "" {
		t.Errorf("signed: %s", h)
	}
}

// TestLongRequestsAreSentWhole: they take more than one write, and the token's
// end is looked at before the first alone.
func TestLongRequestsAreSentWhole(t *testing.T) {
	t.Parallel()
	req := user("alice")
	long := strings.Repeat("x", 100_000)
	req.ClientMetadata = map[string]reset.Personal{"k": reset.Hide(long)}
	if got := send(t, req); !reflect.DeepEqual(got.body["ClientMetadata"], map[string]any{"k": long}) {
		t.Error("the metadata did not arrive")
	}
}
