package cognitosim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Input is the body of a ForgotPassword or ConfirmForgotPassword request.
type Input struct {
	ClientID          *string `json:"ClientId"`
	Username          *string
	SecretHash        *string
	ConfirmationCode  *string
	Password          *string
	ClientMetadata    map[string]string
	AnalyticsMetadata *struct {
		AnalyticsEndpointID *string `json:"AnalyticsEndpointId"`
	}
	UserContextData *struct {
		IPAddress   *string `json:"IpAddress"`
		EncodedData *string
	}
}

// The operations that the twin knows.
const (
	forgotPassword        = "ForgotPassword"
	confirmForgotPassword = "ConfirmForgotPassword"
)

const targetPrefix = "AWSCognitoIdentityProviderService."

// call is one request. refused is set when it fails before anybody looks at
// its user.
type call struct {
	operation string
	userAgent string
	in        Input
	refused   *Answer
}

// readCall reads the whole body, so that the server notices a caller who leaves.
func (s *Sim) readCall(r *http.Request) (call, error) {
	c := call{userAgent: r.UserAgent()}
	c.operation, _ = strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return c, err
	}
	c.refused = s.refusal(r, &c, body)
	return c, nil
}

func (s *Sim) refusal(r *http.Request, c *call, body []byte) *Answer {
	target := r.Header.Get("X-Amz-Target")
	switch {
	case s.o.RequireUserAgent && c.userAgent == "":
		a := word("Forbidden")
		return &a
	case r.Method != http.MethodPost, target != targetPrefix+forgotPassword && target != targetPrefix+confirmForgotPassword:
		a := unknownOperation.filled()
		return &a
	}
	if err := json.Unmarshal(body, &c.in); err != nil {
		a := malformed(err)
		return &a
	}
	return c.validate()
}

// malformed answers a body that is not JSON, or of the wrong shape.
func malformed(err error) Answer {
	a := Answer{Code: "SerializationException"}.filled()
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		a.Text = fmt.Sprintf("%s_VALUE can not be converted to a String", strings.ToUpper(wrong.Value))
	}
	return a
}

// member is a field with Cognito's limits. Cognito marks them all as
// sensitive, so its texts do not repeat the value.
type member struct {
	name     string
	value    *string
	required bool
	most     int
	pattern  string
	allowed  func(rune) bool
}

func (c *call) members() []member {
	all := []member{
		{"clientId", c.in.ClientID, true, 128, `[\w+]+`, func(r rune) bool { return isWord(r) || r == '+' }},
		{"username", c.in.Username, true, 128, `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`, isName},
		{"secretHash", c.in.SecretHash, false, 128, `[\w+=/]+`, func(r rune) bool { return isWord(r) || strings.ContainsRune("+=/", r) }},
	}
	if c.operation == confirmForgotPassword {
		all = append(all,
			member{"confirmationCode", c.in.ConfirmationCode, true, 2048, `[\S]+`, isVisible},
			member{"password", c.in.Password, true, 256, `[\S]+.*[\S]+`, func(rune) bool { return true }})
	}
	return all
}

func isWord(r rune) bool {
	return r == '_' || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func isName(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P)
}

func isVisible(r rune) bool { return !unicode.IsSpace(r) }

// validate checks the fields against Cognito's limits, in its words.
func (c *call) validate() *Answer {
	var wrong []string
	for _, m := range c.members() {
		wrong = append(wrong, m.complaints()...)
	}
	if len(wrong) == 0 {
		return nil
	}
	noun := "errors"
	if len(wrong) == 1 {
		noun = "error"
	}
	a := Answer{Code: "InvalidParameterException"}.filled()
	a.Text = fmt.Sprintf("%d validation %s detected: %s", len(wrong), noun, strings.Join(wrong, "; "))
	return &a
}

func (m member) complaints() []string {
	if m.value == nil {
		if m.required {
			return []string{fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", m.name)}
		}
		return nil
	}
	var out []string
	say := func(what string) {
		out = append(out, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must %s", m.name, what))
	}
	if utf8.RuneCountInString(*m.value) > m.most {
		say(fmt.Sprintf("have length less than or equal to %d", m.most))
	}
	if *m.value == "" {
		say("have length greater than or equal to 1")
	}
	if *m.value == "" || strings.ContainsFunc(*m.value, func(r rune) bool { return !m.allowed(r) }) {
		say("satisfy regular expression pattern: " + m.pattern)
	}
	return out
}

// text returns what p points to, or "".
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// skipMark drops a byte order mark, which spreadsheets write.
func skipMark(r io.Reader) io.Reader {
	head := make([]byte, 3)
	n, _ := io.ReadFull(r, head)
	if bytes.Equal(head[:n], []byte("\xef\xbb\xbf")) {
		return r
	}
	return io.MultiReader(bytes.NewReader(head[:n]), r)
}
