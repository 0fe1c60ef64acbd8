// Package reset holds the words that the rest of rekey speaks: a request to
// Cognito, the row that it belongs to, what became of it, and why.
//
// It promises that personal data cannot be printed by accident: whatever is
// [Personal] formats, logs and marshals as a placeholder, also when it sits
// deep in somebody else's struct. It can still be leaked on purpose, through
// [Personal.Reveal]; the places that call it are few and easy to list.
package reset

import (
	"fmt"
	"strconv"
	"strings"
)

// Request is one call of Cognito's ForgotPassword, less what every request of
// a pool has in common: the client id and the secret hash.
type Request struct {
	// Username is the name that is sent: a username, its sub, or an alias.
	Username Personal
	// ClientMetadata reaches the pool's Lambda triggers, and nothing else.
	ClientMetadata map[string]Personal
	// AnalyticsEndpointID is passed on as AnalyticsMetadata.AnalyticsEndpointId.
	AnalyticsEndpointID Personal
	// UserContext is used by Cognito's risk scoring.
	UserContext UserContext
}

// UserContext is Cognito's UserContextData.
type UserContext struct {
	IPAddress   Personal
	EncodedData Personal
}

// Ref names a row of a campaign. It holds no personal data, so it may stand in
// logs, in task payloads and in errors.
type Ref struct {
	// Campaign is the campaign's id.
	Campaign string
	// Generation tells a campaign from a later one of the same id.
	Generation string
	// Row counts from 0, in the order of the file, without rejects and duplicates.
	Row int64
}

// String returns the row's public name, campaign#row.
func (r Ref) String() string {
	return r.Campaign + "#" + strconv.FormatInt(r.Row, 10)
}

// ParseRef reads what [Ref.String] wrote. The generation is not part of it.
func ParseRef(s string) (Ref, error) {
	campaign, row, ok := strings.Cut(s, "#")
	n, err := strconv.ParseInt(row, 10, 64)
	if !ok || err != nil || n < 0 || campaign == "" {
		return Ref{}, fmt.Errorf("%q is not a row: write CAMPAIGN#ROW", s)
	}
	return Ref{Campaign: campaign, Row: n}, nil
}

// Medium is how Cognito says that it sends a code. Its numbers stand in the
// ledger and never change.
type Medium uint8

// The media of the ledger's records.
const (
	NoMedium    Medium = 0
	Email       Medium = 1
	SMS         Medium = 2
	OtherMedium Medium = 255
)

// ParseMedium reads CodeDeliveryDetails.DeliveryMedium.
func ParseMedium(s string) Medium {
	switch s {
	case "":
		return NoMedium
	case "EMAIL":
		return Email
	case "SMS":
		return SMS
	}
	return OtherMedium
}

// String returns Cognito's word for the medium, or "" for none.
func (m Medium) String() string {
	switch m {
	case NoMedium:
		return ""
	case Email:
		return "EMAIL"
	case SMS:
		return "SMS"
	}
	return "OTHER"
}
