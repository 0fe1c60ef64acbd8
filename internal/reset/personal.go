package reset

import (
	"fmt"
	"io"
	"log/slog"
)

// placeholder is what stands in a log in place of personal data.
const placeholder = "[personal]"

// Personal is a string about a person: a username, an address, a value that a
// Lambda gets. Every way of printing it yields "[personal]".
//
// It holds a pointer because fmt walks into unexported fields without calling
// their methods: there it finds an address in memory instead of the text.
// The zero value is the empty string. Values are compared by their text with
// Reveal, not with ==.
type Personal struct{ text *string }

// Hide wraps s.
func Hide(s string) Personal {
	if s == "" {
		return Personal{}
	}
	return Personal{&s}
}

// HideAll wraps each of texts, as they are: nobody may change them from then on.
func HideAll(texts []string) []Personal {
	all := make([]Personal, len(texts))
	for i := range texts {
		all[i] = HideAt(&texts[i])
	}
	return all
}

// HideAt is Hide for a text that stands among others in memory of the caller's,
// who does not change it any more.
func HideAt(s *string) Personal {
	if *s == "" {
		return Personal{}
	}
	return Personal{s}
}

// Reveal returns the text. Call it where the text leaves for Cognito, the
// roster or the operator's own report, and nowhere else.
func (p Personal) Reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// IsZero reports whether there is no text.
func (p Personal) IsZero() bool { return p.text == nil }

// Format implements [fmt.Formatter]; a String method would miss %#v and %d.
func (p Personal) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, placeholder) }

// LogValue implements [slog.LogValuer].
func (p Personal) LogValue() slog.Value { return slog.StringValue(placeholder) }

// MarshalText implements [encoding.TextMarshaler], for JSON, YAML and map keys.
func (p Personal) MarshalText() ([]byte, error) { return []byte(placeholder), nil }
