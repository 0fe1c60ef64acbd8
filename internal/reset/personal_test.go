package reset_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// name is looked for in everything that is printed: as text, in hexadecimal
// and as a list of bytes.
const name = "alice@example.com"

func reveals(printed string) bool {
	printed = strings.ToLower(printed)
	for _, form := range []string{name, fmt.Sprintf("%x", name), fmt.Sprintf("% x", name), fmt.Sprint([]byte(name)),
		fmt.Sprintf("%#v", []byte(name)), "alice", "example", fmt.Sprintf("%x", "alice")} {
		if strings.Contains(printed, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// TestRevealsSees: the other tests are worth what this function sees.
func TestRevealsSees(t *testing.T) {
	t.Parallel()
	type plain struct{ name string }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x"} {
		if s := fmt.Sprintf(verb, plain{name}); !reveals(s) {
			t.Errorf("%s: %s", verb, s)
		}
	}
	if reveals("[personal]") {
		t.Error("the placeholder reveals nothing")
	}
}

// hidden is somebody's struct with a name deep inside, in exported and in
// unexported fields, where fmt calls no methods.
type hidden struct {
	Public  reset.Personal
	private reset.Personal
	pointer *reset.Personal
	list    []reset.Personal
	byName  map[string]reset.Personal
	byKey   map[reset.Personal]int
	deep    struct{ request reset.Request }
	any     any
}

// holders are all the ways in which a name may be held.
func holders() map[string]any {
	p := reset.Hide(name)
	req := reset.Request{
		Username: p, ClientMetadata: map[string]reset.Personal{"k": p}, AnalyticsEndpointID: p,
		UserContext: reset.UserContext{IPAddress: p, EncodedData: p},
	}
	h := hidden{Public: p, private: p, pointer: &p, list: []reset.Personal{p},
		byName: map[string]reset.Personal{"k": p}, byKey: map[reset.Personal]int{p: 1}, any: p}
	h.deep.request = req
	return map[string]any{
		"value": p, "pointer": &p, "request": req, "pointer to request": &req, "slice": []reset.Personal{p},
		"map value": map[string]reset.Personal{"k": p}, "map key": map[reset.Personal]int{p: 1},
		"context": req.UserContext, "struct": h, "pointer to struct": &h, "any": []any{p, req, h},
	}
}

// carrier is an error with a name in it, as somebody might write one.
type carrier struct{ who reset.Personal }

func (c carrier) Error() string { return fmt.Sprintf("no user %v (%q, %+v)", c.who, c.who, c.who) }

func TestNoVerbPrintsAPerson(t *testing.T) {
	t.Parallel()
	for held, v := range holders() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%d", "%x", "%X", "% x", "%#x", "%b", "%o", "%c", "%U",
			"%e", "%g", "%t", "%T", "%p", "%20s", "%-5v", "%.3s", "%w"} {
			if s := fmt.Sprintf(verb, v); reveals(s) {
				t.Errorf("%s with %s: %s", held, verb, s)
			}
		}
		if s := fmt.Sprint(v) + fmt.Sprintln(v); reveals(s) {
			t.Errorf("%s: %s", held, s)
		}
	}
}

func TestNoLogHoldsAPerson(t *testing.T) {
	t.Parallel()
	for held, v := range holders() {
		var b bytes.Buffer
		o := &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug}
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, o), slog.NewJSONHandler(&b, o)} {
			log := slog.New(h).With("with", v).WithGroup("group")
			log.Info("message", "value", v, slog.Group("inner", "value", v), slog.Any("any", v))
			log.Error("error", "err", fmt.Errorf("row: %v", v))
		}
		if b.Len() == 0 || reveals(b.String()) {
			t.Errorf("%s: %s", held, b.String())
		}
	}
}

// TestHandlersOfOthersGetThePlaceholder: one that knows neither fmt nor JSON
// asks for the resolved value.
func TestHandlersOfOthersGetThePlaceholder(t *testing.T) {
	t.Parallel()
	v := slog.AnyValue(reset.Hide(name)).Resolve()
	if v.Kind() != slog.KindString || v.String() != "[personal]" {
		t.Errorf("%v %v", v.Kind(), v)
	}
}

func TestNoJSONHoldsAPerson(t *testing.T) {
	t.Parallel()
	for held, v := range holders() {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", held, err)
		}
		if reveals(string(b)) {
			t.Errorf("%s: %s", held, b)
		}
	}
	if b, err := json.Marshal(reset.Hide(name)); err != nil || string(b) != `"[personal]"` {
		t.Errorf("%s %v", b, err)
	}
}

func TestNoErrorNamesAPerson(t *testing.T) {
	t.Parallel()
	c := carrier{reset.Hide(name)}
	e := &reset.Error{Outcome: reset.Refused, Cause: reset.UserNotFound, Err: c}
	for _, err := range []error{c, e, fmt.Errorf("wrapped: %w", e), errors.Join(c, e)} {
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Error("failed", "err", err)
		slog.New(slog.NewTextHandler(&b, nil)).Error("failed", "err", err)
		if s := fmt.Sprintf("%v %+v %#v %q %s", err, err, err, err, b.String()); reveals(s) {
			t.Error(s)
		}
	}
}

func TestPlaceholderIsSeen(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%s", "%q", "%#v", "%d", "%x"} {
		if s := fmt.Sprintf(verb, reset.Hide(name)); s != "[personal]" {
			t.Errorf("%s: %s", verb, s)
		}
	}
}

func TestRevealGivesTheTextBack(t *testing.T) {
	t.Parallel()
	for _, s := range []string{name, "", " ", "\x00\xff"} {
		p := reset.Hide(s)
		if p.Reveal() != s || p.IsZero() != (s == "") {
			t.Errorf("%q became %q, zero %v", s, p.Reveal(), p.IsZero())
		}
	}
	var zero reset.Personal
	if zero.Reveal() != "" || !zero.IsZero() {
		t.Error("the zero value is not the empty string")
	}
}
