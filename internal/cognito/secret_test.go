package cognito

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// vault is a server that knows which secrets are valid, and counts requests.
type vault struct {
	*peer
	mu       sync.Mutex
	valid    map[string]bool
	requests int
}

func newVault(t *testing.T, valid ...string) *vault {
	t.Helper()
	v := &vault{}
	v.set(valid...)
	v.peer = listen(t, v.serve)
	return v
}

func (v *vault) set(valid ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.valid = make(map[string]bool)
	for _, s := range valid {
		v.valid[s] = true
	}
}

func (v *vault) serve(c net.Conn) {
	for r := bufio.NewReader(c); ; {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		var body struct{ Username, SecretHash string }
		if json.NewDecoder(req.Body).Decode(&body) != nil {
			return
		}
		io.WriteString(c, v.answer(body.Username, body.SecretHash))
	}
}

func (v *vault) answer(name, hash string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests++
	for s := range v.valid {
		if *(secret{key: &s}).hash(name, testClient) == hash {
			return okWire
		}
	}
	const body = `{"__type":"NotAuthorizedException","message":"Unable to verify secret hash for client"}`
	return fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// steps makes calls one after another, and lists their outcomes.
func steps(t *testing.T, c *Client, n int) string {
	t.Helper()
	var all []string
	for range n {
		_, e := forgot(t, c, "alice")
		if e != nil && e.Cause != reset.NotAuthorizedSecretHash {
			t.Fatalf("%v", e)
		}
		o, _ := outcomeOf(e)
		all = append(all, o)
	}
	return strings.Join(all, " ")
}

func TestSecondSecretTakesOver(t *testing.T) {
	t.Parallel()
	v := newVault(t, "new")
	c := client(t, v.url(), func(c *Config) { c.ClientSecrets = []string{"old", "new"} })
	// The first request had no effect, and is made again with its own token;
	// the secret that worked is the first from then on.
	if got := steps(t, c, 4); got != "NotSent Accepted Accepted Accepted" {
		t.Error(got)
	}
	if v.requests != 4 {
		t.Errorf("%d requests for 4 calls", v.requests)
	}
}

func TestBothSecretsWrongIsMisconfigured(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := client(t, v.url(), func(c *Config) { c.ClientSecrets = []string{"old", "new"} })
	if got := steps(t, c, 4); got != "NotSent Misconfigured Misconfigured Misconfigured" {
		t.Error(got)
	}
	// Whichever of them is repaired, it is found.
	for _, s := range []string{"old", "new"} {
		v.set(s)
		if got := steps(t, c, 3); !strings.HasSuffix(got, "Accepted") {
			t.Errorf("%s repaired: %s", s, got)
		}
		v.set()
		steps(t, c, 2)
	}
}

func TestSecretPutBackIsTriedAgain(t *testing.T) {
	t.Parallel()
	v := newVault(t, "new")
	c := client(t, v.url(), func(c *Config) { c.ClientSecrets = []string{"old", "new"} })
	steps(t, c, 2)
	v.set("old")
	if got := steps(t, c, 2); got != "NotSent Accepted" {
		t.Error(got)
	}
}

func TestOneWrongSecretIsMisconfigured(t *testing.T) {
	t.Parallel()
	v := newVault(t, "other")
	c := client(t, v.url(), func(c *Config) { c.ClientSecrets = []string{"mine"} })
	if got := steps(t, c, 2); got != "Misconfigured Misconfigured" {
		t.Error(got)
	}
}

// TestLateRefusalOfTheOldSecret: calls in flight when the secret changed do not
// turn the choice back.
func TestLateRefusalOfTheOldSecret(t *testing.T) {
	t.Parallel()
	s := newSecrets([]string{"old", "new"})
	early := s.preferred()
	if !s.failed(early) || s.preferred().index != 1 {
		t.Fatal("the second secret was not taken")
	}
	s.worked()
	if !s.failed(early) || s.preferred().index != 1 {
		t.Error("a late refusal of the first turned the choice back")
	}
}

func TestNoSecretSendsNoHash(t *testing.T) {
	t.Parallel()
	s := newSecrets(nil)
	if h := s.preferred().hash("alice", testClient); h != nil {
		t.Error(*h)
	}
	if s.failed(s.preferred()) {
		t.Error("there is no other secret")
	}
}
