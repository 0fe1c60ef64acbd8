package cli

import (
	"fmt"
	"slices"
	"strings"
)

// Choice is a flag with a few values; the first is the default. It implements
// pflag's Value.
type Choice struct {
	value   string
	allowed []string
}

// OneOf returns a flag's value that is one of those given, at first the first.
func OneOf(values ...string) *Choice { return &Choice{values[0], values} }

// String returns the value.
func (c *Choice) String() string { return c.value }

// Set takes a value that is allowed.
func (c *Choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("must be %s", strings.Join(c.allowed, " or "))
	}
	c.value = s
	return nil
}

// Type is what help shows behind the flag's name.
func (c *Choice) Type() string { return strings.Join(c.allowed, "|") }
