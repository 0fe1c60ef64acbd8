package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rekeyhq/rekey/internal/reset"
)

// The functions of this file walk over text that [json.Valid] has passed: they
// check what it means, not how it is written.

// fields calls do for each field of the object that is at the front of data.
// A field that is given twice is an error: which one is meant?
func fields(data []byte, do func(name string, value []byte) error) error {
	var few [8]string
	seen := few[:0]
	for rest := data[1:]; ; {
		rest = bytes.TrimLeft(rest, " \t\r\n,")
		if rest[0] == '}' {
			return nil
		}
		var key []byte
		key, rest = cut(rest)
		name, err := unquote(key)
		if err != nil {
			return fmt.Errorf("has a field's name that %w", err)
		}
		if slices.Contains(seen, name) {
			return errors.New("has a field twice")
		}
		if seen = append(seen, name); len(seen) > MaxColumns {
			return fmt.Errorf("has more than %d fields", MaxColumns)
		}
		var value []byte
		value, rest = cut(bytes.TrimLeft(rest, " \t\r\n:"))
		if err := do(name, value); err != nil {
			return err
		}
	}
}

// cut splits off the value at the front of data.
func cut(data []byte) (value, rest []byte) {
	switch data[0] {
	case '"':
		n := stringEnd(data)
		return data[:n], data[n:]
	case '{', '[':
		n := nestedEnd(data)
		return data[:n], data[n:]
	}
	n := bytes.IndexAny(data, ",}] \t\r\n")
	return data[:n], data[n:]
}

// stringEnd is the length of the string at the front of data.
func stringEnd(data []byte) int {
	for i := 1; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// nestedEnd is the length of the object or array at the front of data.
func nestedEnd(data []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch data[i] {
		case '"':
			i += stringEnd(data[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func isNull(value []byte) bool { return value[0] == 'n' }

// text reads a string into p.
func text(name string, value []byte, p *reset.Personal) error {
	if isNull(value) {
		return nil
	}
	if value[0] != '"' {
		return fmt.Errorf("%s is not a string", name)
	}
	s, err := unquote(value)
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	*p = reset.Hide(s)
	return nil
}

// unquote reads a string. Half of a surrogate pair is refused: json.Unmarshal
// would make U+FFFD of it, which Cognito allows in a username.
func unquote(quoted []byte) (string, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	if halfSurrogate(quoted) {
		return "", errors.New("has half of a surrogate pair")
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err
}

func halfSurrogate(quoted []byte) bool {
	high := false
	for i := 1; i < len(quoted)-1; i++ {
		unit := uint64(0)
		if quoted[i] == '\\' {
			i++
			if quoted[i] == 'u' {
				unit, _ = strconv.ParseUint(string(quoted[i+1:i+5]), 16, 16)
				i += 4
			}
		}
		low := unit>>10 == 0xdc00>>10
		if low != high {
			return true
		}
		high = unit>>10 == 0xd800>>10
	}
	return high
}
