package cognitosim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Fault is a line of the script: which calls get which answer. Of the lines
// that fit a call the first whose chance comes up decides. Calls are counted
// from 1, whatever they ask for.
//
// An answer that may come after the message has left (Answer.Doubt) leaves it
// to chance whether the call is carried out first, unless Sent says; HangUp.After
// and Timeout always carry it out. All other answers carry nothing out, and cost neither
// quota nor an attempt.
type Fault struct {
	// From and To are the first and last call, both included; 0 means no bound.
	From, To int64
	// Every repeats the span: with 1000, From 200 means 200, 1200, 2200, …
	Every int64
	// Answer is the word of an Answer, or OK, which only makes sense with Delay.
	Answer string
	// Share is the part of these calls that is hit; 0 means all.
	Share float64
	// User narrows the line to one username.
	User string
	// Text replaces the answer's message.
	Text string
	// Delay makes the answer late, on top of the latency.
	Delay time.Duration
	// Sent says whether the call is carried out before it fails, in place of chance.
	Sent *bool
}

// line is a fault as a file has it.
type line struct {
	At     int64    `json:"at"`
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Every  int64    `json:"every"`
	Answer string   `json:"answer"`
	Share  *float64 `json:"share"`
	User   string   `json:"user"`
	Text   string   `json:"text"`
	Delay  string   `json:"delay"`
	Sent   *bool    `json:"sent"`
}

// ParseFaults reads a script: a JSON object a line, with the keys from, to (or
// at, for a single call), every, answer, share, user, text, delay and sent.
func ParseFaults(r io.Reader) ([]Fault, error) {
	var faults []Fault
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		f, err := parseFault(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		faults = append(faults, f)
	}
	return faults, lines.Err()
}

func parseFault(text []byte) (Fault, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Fault{}, fmt.Errorf(`%w; write {"from":100,"to":200,"answer":"TooManyRequests","share":0.3}`, err)
	}
	if d.More() {
		return Fault{}, fmt.Errorf("more than one object: write one a line")
	}
	return l.fault()
}

func (l line) fault() (Fault, error) {
	f := Fault{From: l.From, To: l.To, Every: l.Every, Answer: l.Answer, User: l.User, Text: l.Text, Sent: l.Sent}
	if l.At != 0 {
		if l.From != 0 || l.To != 0 {
			return f, fmt.Errorf("at is for one call, from and to are for several: write either")
		}
		f.From, f.To = l.At, l.At
	}
	if l.Share != nil {
		if *l.Share <= 0 || *l.Share > 1 {
			return f, fmt.Errorf("share: %v is no share; write more than 0 and at most 1, or leave it out for all", *l.Share)
		}
		f.Share = *l.Share
	}
	if l.Delay != "" {
		d, err := time.ParseDuration(l.Delay)
		if err != nil {
			return f, fmt.Errorf("delay: %q is no duration; write 300ms or 2s", l.Delay)
		}
		f.Delay = d
	}
	return f, f.Check()
}

// Check says what is wrong with a fault, if anything.
func (f Fault) Check() error {
	_, known := answerOf(f.Answer)
	switch {
	case !known && f.Answer != OK:
		return fmt.Errorf("answer: %q is none; the answers are %s", f.Answer, strings.Join(words(), ", "))
	case f.From < 0 || f.To < 0 || f.Every < 0 || f.Delay < 0:
		return fmt.Errorf("from, to, every and delay cannot be negative")
	case f.To != 0 && f.To < f.From:
		return fmt.Errorf("to %d comes before from %d", f.To, f.From)
	case f.Every != 0 && f.To >= f.Every:
		return fmt.Errorf("to %d is not within every %d", f.To, f.Every)
	case f.Share < 0 || f.Share > 1:
		return fmt.Errorf("share %v is not between 0 and 1", f.Share)
	}
	return nil
}

func words() []string {
	all := []string{OK}
	for _, a := range answers {
		all = append(all, a.Word)
	}
	slices.Sort(all[1:])
	return all
}

// fits reports whether f is meant for call n of that user.
func (f Fault) fits(n int64, user string, same func(a, b string) bool) bool {
	if f.Every > 0 {
		n %= f.Every
	}
	return n >= f.From && (f.To == 0 || n <= f.To) && (f.User == "" || same(f.User, user))
}

// Presets names the scripts that come with the twin.
func Presets() []string { return []string{"none", "mild", "storm"} }

// Preset returns a script by name. None of them has an answer that stops a
// campaign for good: those would need somebody to repair something.
func Preset(name string) ([]Fault, error) {
	switch name {
	case "none":
		return nil, nil
	case "mild":
		return mild(), nil
	case "storm":
		return storm(), nil
	}
	return nil, fmt.Errorf("%q is no preset; the presets are %s", name, strings.Join(Presets(), ", "))
}

// mild is an ordinary day: about one call in thirty fails. Throttles come
// together, as they do where somebody else used the quota for a moment; strewn
// evenly they would say that the rate is always too high.
func mild() []Fault {
	return []Fault{
		{From: 400, To: 420, Every: 1000, Answer: "TooManyRequests", Share: 0.5},
		{Answer: "CodeDeliveryFailure", Share: 0.01},
		{Answer: "CodeDeliveryFailure.Email", Share: 0.003},
		{Answer: "LimitExceeded.User", Share: 0.003},
		{Answer: "InternalError", Share: 0.002},
		{Answer: HangUpAfter, Share: 0.002},
	}
}

// storm is a bad day: throttling in gusts, a lost answer in twenty, and calls
// of which nobody can tell what became of them.
func storm() []Fault {
	return []Fault{
		{From: 200, To: 320, Every: 1000, Answer: "TooManyRequests", Share: 0.9},
		{From: 600, To: 640, Every: 1000, Answer: HTML503, Share: 0.5},
		{From: 700, To: 730, Every: 1000, Answer: HangUpBefore, Share: 0.5},
		{Answer: HangUpAfter, Share: 0.03},
		{Answer: Timeout, Share: 0.005},
		{Answer: "InternalError", Share: 0.01},
		{Answer: Empty500, Share: 0.005},
		{Answer: "TooManyRequests", Share: 0.03},
		{Answer: "LimitExceeded", Share: 0.005},
		{Answer: "LimitExceeded.User", Share: 0.01},
		{Answer: "CodeDeliveryFailure", Share: 0.02},
		{Answer: "CodeDeliveryFailure.SESRate", Share: 0.005},
		{Answer: "UnexpectedLambda.Timeout", Share: 0.005},
		{Answer: OK, Share: 0.02, Delay: 300 * time.Millisecond},
	}
}
