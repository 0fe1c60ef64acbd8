package cognito

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// secret is one of a client's secrets; the zero value is that of a client that
// has none. It is no string, so that it is not printed by accident.
type secret struct {
	index int
	key   *string
}

// hash is Cognito's SecretHash: HMAC-SHA-256, keyed with the secret, over
// exactly the user name that is sent and then the client's id, in standard
// base64. A client without a secret sends none.
func (s secret) hash(username, clientID string) *string {
	if s.key == nil {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(*s.key))
	mac.Write([]byte(username + clientID))
	return aws.String(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// secrets are those of a client, and what is known of them. During a rotation
// both are valid; before and after it one of two may not be.
type secrets struct {
	all []secret

	mu   sync.Mutex
	next int    // the preferred one
	bad  []bool // by index: refused since the last success
}

func newSecrets(keys []string) *secrets {
	s := &secrets{bad: make([]bool, len(keys))}
	for i, key := range keys {
		s.all = append(s.all, secret{index: i, key: &key})
	}
	return s
}

// preferred is the secret that the next request uses.
func (s *secrets) preferred() secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return secret{}
	}
	return s.all[s.next]
}

// worked forgets all failures: the client is set up well enough, and a secret
// that was refused may be put back by whoever rotates.
func (s *secrets) worked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.bad)
}

// failed notes that Cognito refused a secret, has the next requests use the
// other one, and reports whether there is hope in that: one that has not been
// refused. When both were, they go on taking turns, so that a repair of either
// is noticed.
func (s *secrets) failed(tried secret) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) < 2 {
		return false
	}
	s.bad[tried.index] = true
	s.next = (tried.index + 1) % len(s.all)
	return !s.bad[s.next]
}
