package cognitosim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// reply is what becomes of a call.
type reply struct {
	call   int64
	answer Answer // the zero value is a 200
	body   []byte // of a 200
	sent   bool
	wait   time.Duration
}

// entryAnswer is the journal's word for the reply.
func (r reply) entryAnswer() string {
	switch {
	case r.answer.end != answered:
		return ""
	case r.answer.Code == "":
		return OK
	}
	return r.answer.Code
}

// decide carries a call out and writes the journal's line. Everything happens
// when the call comes in, the message too; the latency is only the answer's.
// A caller who leaves early is therefore the caller who does not know.
func (s *Sim) decide(c call) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.calls++
	r := s.scripted(c, now)
	r.call = s.calls
	r.wait += s.latency(s.calls)
	r.answer.Text = c.fill(r.answer.Text)
	return r, s.journal.add(s.entry(c, r, now))
}

func (s *Sim) entry(c call, r reply, now time.Time) Entry {
	e := Entry{
		At: now.UTC(), Call: r.call, ClientID: text(c.in.ClientID), Username: text(c.in.Username),
		Answer: r.entryAnswer(), Sent: r.sent, Input: c.in, UserAgent: c.userAgent,
	}
	if c.operation != forgotPassword {
		e.Operation = c.operation
	}
	return e
}

// scripted answers as the script says, where it says anything.
func (s *Sim) scripted(c call, now time.Time) reply {
	if c.refused != nil {
		return reply{answer: *c.refused}
	}
	f, ok := s.fault(text(c.in.Username))
	if !ok {
		return s.carryOut(c, now)
	}
	if f.Answer == OK {
		r := s.carryOut(c, now)
		r.wait = f.Delay
		return r
	}
	a := word(f.Answer)
	if f.Text != "" {
		a.Text = f.Text
	}
	r := reply{answer: a, wait: f.Delay}
	if s.carriesOut(f, a) {
		r.sent = s.carryOut(c, now).sent
	}
	return r
}

// fault returns the line of the script that this call's chance falls on.
func (s *Sim) fault(username string) (Fault, bool) {
	for i, f := range s.faults {
		if !f.fits(s.calls, username, s.people.same) {
			continue
		}
		if f.Share == 0 || chance(s.o.Seed, s.calls, saltFault+i) < f.Share {
			return f, true
		}
	}
	return Fault{}, false
}

// carriesOut says whether the call is carried out before the answer is spoilt.
func (s *Sim) carriesOut(f Fault, a Answer) bool {
	switch {
	case !a.Doubt:
		return false
	case f.Sent != nil:
		return *f.Sent
	case a.Word == HangUpAfter || a.Word == Timeout:
		return true
	}
	return chance(s.o.Seed, s.calls, saltSent) < 0.5
}

// carryOut does what an undisturbed Cognito does.
func (s *Sim) carryOut(c call, now time.Time) reply {
	if refused := s.admit(c, now); refused != "" {
		return reply{answer: word(refused)}
	}
	if c.operation == confirmForgotPassword {
		return s.confirm(c, now)
	}
	return s.forgot(c, now)
}

// admit checks what does not depend on the user. It returns the word of a refusal.
func (s *Sim) admit(c call, now time.Time) string {
	id, hash := text(c.in.ClientID), text(c.in.SecretHash)
	switch {
	case !slices.Contains(s.o.ClientIDs, id):
		return "ResourceNotFound"
	case !s.quota.take(now):
		return "TooManyRequests"
	case len(s.secrets) > 0 && hash == "":
		return "NotAuthorized.SecretMissing"
	case hash != "" && !slices.ContainsFunc(s.secrets, func(secret string) bool {
		return hash == secretHash(secret, text(c.in.Username), id)
	}):
		return "NotAuthorized.SecretHash"
	}
	return ""
}

// secretHash is Cognito's, over exactly the username that was sent.
func secretHash(secret, username, clientID string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// forgot sends a code to the user, if that can be.
func (s *Sim) forgot(c call, now time.Time) reply {
	name := s.people.fold(text(c.in.Username))
	user, known := s.people.find(name)
	if refused := user.refusal(known); refused != "" {
		if s.o.HideUnknown && refused != "NotAuthorized.State" {
			return simulated(name)
		}
		return reply{answer: word(refused)}
	}
	a := s.account(name)
	if !a.attempt(now, s.o.Hour, s.o.PerUserHour) {
		return reply{answer: word("LimitExceeded.User")}
	}
	if user.Medium == Email && !s.post.take(now, s.o.Hour) {
		return reply{answer: word("LimitExceeded.DailyEmail")}
	}
	s.send(a, text(c.in.Username), text(c.in.ClientID), now)
	return reply{body: delivery(user), sent: true}
}

// refusal is the word by which a user is turned away, or "".
func (u User) refusal(known bool) string {
	if !known {
		return "UserNotFound"
	}
	switch u.Status {
	case Unconfirmed:
		return "UserNotConfirmed"
	case Disabled:
		return "NotAuthorized.Disabled"
	case Unverified:
		return "InvalidParameter.NoVerifiedMedium"
	case ForceChange:
		return "NotAuthorized.State"
	}
	return ""
}

// send makes a code, which is the message.
func (s *Sim) send(a *account, username, clientID string, now time.Time) {
	code := LiveCode{
		Code:     fmt.Sprintf("%06d", mix(s.o.Seed, s.calls, saltCode)%1_000_000),
		ClientID: clientID, At: now, Until: now.Add(s.o.Hour),
	}
	if live := a.live(now); len(live) > 0 {
		s.doubles = append(s.doubles, Double{Username: username, First: live[len(live)-1], Second: code})
	}
	a.codes = append(a.codes, code)
}

// confirm sets a new password, against a code.
func (s *Sim) confirm(c call, now time.Time) reply {
	name := s.people.fold(text(c.in.Username))
	if _, known := s.people.find(name); !known {
		if s.o.HideUnknown {
			return reply{answer: expiredCode.filled()}
		}
		return reply{answer: word("UserNotFound")}
	}
	a := s.account(name)
	switch {
	case !a.attempt(now, s.o.Hour, s.o.PerUserHour):
		return reply{answer: word("LimitExceeded.User")}
	case len([]rune(text(c.in.Password))) < 8:
		return reply{answer: weakPassword.filled()}
	case len(a.live(now)) == 0:
		return reply{answer: expiredCode.filled()}
	case !slices.ContainsFunc(a.codes, func(l LiveCode) bool {
		return l.Code == text(c.in.ConfirmationCode) && l.ClientID == text(c.in.ClientID)
	}):
		return reply{answer: codeMismatch.filled()}
	}
	a.codes = nil
	return reply{body: []byte("{}")}
}
