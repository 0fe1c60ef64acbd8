package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/internal/reset"
)

// maxNames bounds the unknown fields that are remembered by name.
const maxNames = 100

// ndjson reads one JSON object a line. It is stricter than encoding/json,
// which takes the last of two usernames, reads USERNAME as username, and turns
// what is no text into U+FFFD: each of them would send a code to somebody else.
type ndjson struct {
	src      *source
	username string
	defaults reset.Request
	used     []string
	ignored  []string
}

// usernameFields are looked for in the first line, in this order: rekey's own
// name, and that of Cognito's ListUsers. Addresses are not taken without being
// asked for, as they are in CSV: there the header says what every row has, here
// one line says nothing of the next.
var usernameFields = []string{"username", "Username"}

// openNDJSON looks at the first line: when that is no object or has no
// username, none will.
func openNDJSON(src *source, o Options) (*ndjson, error) {
	candidates := usernameFields
	if o.UsernameColumn != "" {
		candidates = []string{o.UsernameColumn}
	}
	line, err := src.peekLine()
	if err != nil {
		return nil, err
	}
	var f *ndjson
	for _, name := range candidates {
		f = &ndjson{src: src, username: name, defaults: o.Defaults, used: []string{name}}
		if _, err = f.parse(trimEnd(line)); !errors.Is(err, errNoUsername) {
			break
		}
	}
	switch {
	case errors.Is(err, errNotUTF8), errors.Is(err, errNotJSON), errors.Is(err, errNotObject):
		return nil, fmt.Errorf("line %d %w: NDJSON has one whole object in each line, in UTF-8%s", src.line, err, advice(src))
	case errors.Is(err, errNoUsername):
		return nil, fmt.Errorf("line %d: no field for the username: looked for %s; the line has %s. Name the field with --username-column",
			src.line, strings.Join(candidates, ", "), listNames(slices.Concat(f.used[1:], f.ignored)))
	}
	f.used, f.ignored = f.used[:1], nil
	return f, nil
}

// advice is for JSON over several lines, above all what ListUsers answers.
func advice(src *source) string {
	w := src.window()
	switch {
	case bytes.Contains(w, []byte(`"Users"`)):
		return "; make it of Cognito's answer with  jq -c '.Users[]'"
	case bytes.HasPrefix(bytes.TrimSpace(w), []byte("{\n")), bytes.HasPrefix(bytes.TrimSpace(w), []byte("{\r\n")):
		return "; make it of indented JSON with  jq -c ."
	}
	return ""
}

func (f *ndjson) names() (used, ignored []string) { return f.used, f.ignored }

// next implements format.
func (f *ndjson) next() (record, error) {
	more, err := f.src.skipBlank()
	if err != nil {
		return record{}, err
	}
	if !more {
		return record{}, io.EOF
	}
	line, err := f.src.peekLine()
	if err != nil {
		return record{}, err
	}
	rec := record{line: f.src.line, raw: trimEnd(line)}
	if rec.request, err = f.parse(rec.raw); err != nil {
		rec.reason = err.Error()
	}
	f.src.advance(len(line), 1)
	return rec, nil
}

var (
	errNoUsername = errors.New("has no username")
	errNotUTF8    = errors.New("is not valid UTF-8")
	errNotJSON    = errors.New("is not valid JSON")
	errNotObject  = errors.New("is not a JSON object")
)

// parse reads a line. A field that is there wins over its default, also with
// an empty text; null is as good as not there.
func (f *ndjson) parse(line []byte) (reset.Request, error) {
	line = bytes.TrimSpace(line)
	if !utf8.Valid(line) {
		return reset.Request{}, errNotUTF8
	}
	if !json.Valid(line) {
		return reset.Request{}, errNotJSON
	}
	if line[0] != '{' {
		return reset.Request{}, errNotObject
	}
	req, named := f.defaults, false
	req.Username = reset.Personal{}
	err := fields(line, func(name string, value []byte) error {
		named = named || name == f.username
		return f.field(&req, name, value)
	})
	if err == nil && !named {
		err = errNoUsername
	}
	return req, err
}

func (f *ndjson) field(req *reset.Request, name string, value []byte) error {
	switch name {
	case f.username:
		if isNull(value) {
			return errNoUsername
		}
		return text(name, value, &req.Username)
	case "client_metadata":
		f.use(name)
		return f.metadata(req, value)
	case "analytics_endpoint_id":
		f.use(name)
		return text(name, value, &req.AnalyticsEndpointID)
	case "user_context":
		return f.userContext(req, value)
	}
	f.ignore(name)
	return nil
}

func (f *ndjson) metadata(req *reset.Request, value []byte) error {
	if isNull(value) {
		return nil
	}
	own := withRoom(f.defaults.ClientMetadata)
	req.ClientMetadata = own
	if value[0] != '{' {
		return errors.New("has a client_metadata that is not an object")
	}
	return fields(value, func(name string, value []byte) error {
		if isNull(value) {
			return nil
		}
		var p reset.Personal
		if err := text("a value of client_metadata", value, &p); err != nil {
			return err
		}
		own[name] = p
		return nil
	})
}

func (f *ndjson) userContext(req *reset.Request, value []byte) error {
	if isNull(value) {
		return nil
	}
	if value[0] != '{' {
		return errors.New("has a user_context that is not an object")
	}
	return fields(value, func(name string, value []byte) error {
		full := "user_context." + name
		switch name {
		case "ip_address":
			f.use(full)
			return text(full, value, &req.UserContext.IPAddress)
		case "encoded_data":
			f.use(full)
			return text(full, value, &req.UserContext.EncodedData)
		}
		f.ignore(full)
		return nil
	})
}

func (f *ndjson) use(name string) {
	if !slices.Contains(f.used, name) {
		f.used = append(f.used, name)
	}
}

func (f *ndjson) ignore(name string) {
	if looksPersonal(name) {
		name = "a field whose name is not shown"
	}
	if len(f.ignored) < maxNames && !slices.Contains(f.ignored, name) {
		f.ignored = append(f.ignored, name)
	}
}
