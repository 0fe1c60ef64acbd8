package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Choice is a flag with a few values. It implements pflag's Value; what was
// mistyped is guessed, and a shell completes it.
type Choice struct {
	value   string
	allowed []string
	// none says that the flag may be left out, or be empty.
	none bool
}

// OneOf returns a flag's value that is one of those given, at first the first.
func OneOf(values ...string) *Choice { return &Choice{value: values[0], allowed: values} }

// NoneOr returns a flag's value that is one of those given, at first "".
func NoneOr(values ...string) *Choice { return &Choice{allowed: values, none: true} }

// String returns the value.
func (c *Choice) String() string { return c.value }

// Set takes a value that is allowed. What was meant is all that a user has to
// read of a list; only where nothing is near it is the whole of it shown.
func (c *Choice) Set(s string) error {
	if slices.Contains(c.allowed, s) || s == "" && c.none {
		c.value = s
		return nil
	}
	if meant := Meant(s, c.allowed); meant != "" {
		return errors.New(strings.TrimPrefix(meant, "; "))
	}
	return fmt.Errorf("must be %s", orList(c.allowed))
}

// orList writes a, b or c.
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Type is what help shows behind the flag's name.
func (c *Choice) Type() string { return strings.Join(c.allowed, "|") }
