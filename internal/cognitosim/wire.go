package cognitosim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Form is how an error names its type on the wire. AWS's services use all of
// them, and clients must read all of them.
type Form string

// The forms. Mixed takes them in turn by chance.
const (
	Bare      Form = "bare"      // "UserNotFoundException", and the same in a header
	Namespace Form = "namespace" // "com.amazonaws…#UserNotFoundException", in the body alone, with "Message"
	URL       Form = "url"       // "UserNotFoundException:http://…", in header and body
	Mixed     Form = "mixed"
)

const (
	namespace = "com.amazonaws.cognito.identity.idp.model"
	typeURL   = ":http://internal.amazon.com/coral/" + namespace + "/"
)

// ParseForm reads a form's name.
func ParseForm(s string) (Form, error) {
	switch f := Form(s); f {
	case Bare, Namespace, URL, Mixed:
		return f, nil
	}
	return "", fmt.Errorf("%q is no form of errors; the forms are bare, namespace, url, mixed", s)
}

// ServeHTTP answers one call; GET /others tells what became of the others'.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == othersPath {
		s.tellOthers(w)
		return
	}
	c, err := s.readCall(r)
	if err != nil || !s.letIn(r) {
		hangUp(w)
		return
	}
	reply, err := s.decide(c)
	if err != nil {
		// Without a journal nobody could check anything afterwards: stop.
		s.Close()
		hangUp(w)
		return
	}
	s.pass(reply.wait)
	s.finish(w, r, reply)
}

// letIn waits at the gate. It reports false when the caller has left.
func (s *Sim) letIn(r *http.Request) bool {
	passed := s.gate.passed()
	if passed == nil {
		return true
	}
	select {
	case <-passed:
		return true
	case <-r.Context().Done():
	case <-s.closed:
	}
	return false
}

// pass lets time go by, whether or not the caller is still there: Cognito does
// not notice.
func (s *Sim) pass(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.closed:
	}
}

// finish writes the reply, or does not.
func (s *Sim) finish(w http.ResponseWriter, r *http.Request, p reply) {
	w.Header()["x-amzn-RequestId"] = []string{s.requestID(p.call)}
	switch {
	case p.answer.end == neverEnds:
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		hangUp(w)
	case p.answer.end == hungUp:
		hangUp(w)
	case p.answer.end == paged:
		writePage(w, p.answer)
	case p.answer.Code == "":
		write(w, http.StatusOK, p.body)
	default:
		s.writeError(w, p)
	}
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has left is no concern of Cognito's
}

func writePage(w http.ResponseWriter, a Answer) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(a.Status)
	_, _ = w.Write([]byte(a.page))
}

func (s *Sim) writeError(w http.ResponseWriter, p reply) {
	h, code, msg := w.Header(), p.answer.Code, p.answer.Text
	body := map[string]string{"__type": code}
	key := "message"
	switch s.form(p.call) {
	case Namespace:
		body["__type"], key = namespace+"#"+code, "Message"
	case URL:
		body["__type"] = code + typeURL
		h["x-amzn-ErrorType"] = []string{code + typeURL}
	default:
		h["x-amzn-ErrorType"] = []string{code + ":"}
	}
	if msg != "" {
		body[key] = msg
		h["x-amzn-ErrorMessage"] = []string{msg}
	}
	out, _ := json.Marshal(body) // a map of strings cannot fail
	write(w, p.answer.Status, out)
}

// form picks this call's form.
func (s *Sim) form(n int64) Form {
	if s.o.Form != Mixed {
		return s.o.Form
	}
	return []Form{Bare, Namespace, URL}[mix(s.o.Seed, n, saltForm)%3]
}

// hangUp resets the connection, so that the caller sees the end at once and not
// an orderly one.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way: over HTTP/2 the stream alone is reset
	}
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close() // the raw one: TLS would say goodbye first
	}
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return // it is gone, which is what was wanted
	}
}

// fill puts the call's own words into a message.
func (c call) fill(msg string) string {
	if !strings.Contains(msg, "{") {
		return msg
	}
	return strings.NewReplacer("{username}", text(c.in.Username), "{client}", text(c.in.ClientID)).Replace(msg)
}

// details is the body of a 200.
type details struct {
	CodeDeliveryDetails struct {
		AttributeName, DeliveryMedium, Destination string
	}
}

// delivery says, masked, where the code went.
func delivery(u User) []byte {
	var d details
	c := &d.CodeDeliveryDetails
	c.AttributeName, c.DeliveryMedium, c.Destination = "email", Email, maskEmail(u.Email)
	if u.Medium == SMS {
		c.AttributeName, c.DeliveryMedium = "phone_number", SMS
		c.Destination = fmt.Sprintf("+*******%04d", number(u.Username)%10000)
	}
	out, _ := json.Marshal(d) // strings cannot fail
	return out
}

// simulated is the 200 of a user who gets nothing. The same name always gets the
// same one, else asking twice would tell.
func simulated(name string) reply {
	letters := "abcdefghijklmnopqrstuvwxyz"
	n := number(name)
	email := string(letters[n%26]) + "@" + string(letters[n/26%26])
	return reply{body: delivery(User{Medium: Email, Email: email})}
}

// maskEmail makes a***@e*** of ann@example.com.
func maskEmail(email string) string {
	name, host, _ := strings.Cut(email, "@")
	return first(name) + "***@" + first(host) + "***"
}

func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// number is a fixed number for a name.
func number(name string) uint64 {
	var n uint64
	for i := range len(name) {
		n = mix(n, int64(name[i]), i)
	}
	return n
}
