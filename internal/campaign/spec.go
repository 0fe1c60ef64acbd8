package campaign

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Priority says before whom a campaign's rows are fed.
type Priority string

// The priorities. Normal and bulk share what urgent leaves, four rows to one.
const (
	Urgent Priority = "urgent"
	Normal Priority = "normal"
	Bulk   Priority = "bulk"
)

// OnDoubt says what becomes of a call that was never answered.
type OnDoubt string

// Resend calls again after the code's life, Park makes a dead letter of the row.
const (
	Resend OnDoubt = "resend"
	Park   OnDoubt = "park"
)

// OnLive says what becomes of a row whose user holds a live code from another row.
type OnLive string

// Wait calls when that code has ended, Skip is final.
const (
	Wait OnLive = "wait"
	Skip OnLive = "skip"
)

// Spec is what an operator says about a campaign when it is loaded.
type Spec struct {
	// ID is unique in its Redis.
	ID string
	// Priority, OnDoubt, OnLive and Guard; empty ones are normal, resend, wait and 10 %.
	Priority Priority
	OnDoubt  OnDoubt
	OnLive   OnLive
	Guard    Guard
	// MaxRejects: a file with more is refused. The zero value is 1 %.
	MaxRejects MaxRejects
	// File is the base name of what was loaded, By is who did it. Both are only shown.
	File, By string
}

// idShape is what a campaign's id may look like.
var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// intakePrefix begins the ids of standing campaigns.
const intakePrefix = "intake-"

// ValidateID says whether an operator may give a campaign this id.
func ValidateID(id string) error {
	switch {
	case !idShape.MatchString(id):
		return fmt.Errorf("%q is not a campaign id: 1 to 63 of a-z, 0-9 and -, the first not a -", id)
	case strings.HasPrefix(id, intakePrefix):
		return fmt.Errorf("%q: ids that begin with %s belong to the standing campaigns of single resets", id, intakePrefix)
	}
	return nil
}

func (s Spec) withDefaults() Spec {
	s.Priority = or(s.Priority, Normal)
	s.OnDoubt = or(s.OnDoubt, Resend)
	s.OnLive = or(s.OnLive, Wait)
	return s
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// fields are the spec's part of the campaign's hash.
func (s Spec) fields() []any {
	return []any{
		"priority", string(s.Priority), "on_doubt", string(s.OnDoubt), "on_live", string(s.OnLive),
		"guard", s.Guard.permille(), "file", s.File, "by", s.By,
	}
}

// ParsePriority reads --priority.
func ParsePriority(s string) (Priority, error) {
	return oneOf(s, "a priority", Urgent, Normal, Bulk)
}

// ParseOnDoubt reads --on-doubt.
func ParseOnDoubt(s string) (OnDoubt, error) { return oneOf(s, "a rule for doubts", Resend, Park) }

// ParseOnLive reads --on-live.
func ParseOnLive(s string) (OnLive, error) { return oneOf(s, "a rule for live codes", Wait, Skip) }

func oneOf[T ~string](s, what string, words ...T) (T, error) {
	names := make([]string, len(words))
	for i, w := range words {
		if names[i] = string(w); names[i] == s {
			return w, nil
		}
	}
	return "", fmt.Errorf("%q is not %s: %s", s, what, strings.Join(names, ", "))
}

// Guard is the share of dead rows among a campaign's last final ones above
// which it halts. The zero value is 10 %.
type Guard struct {
	off   bool
	tenth int16 // of a per cent
}

// defaultGuard in tenths of a per cent.
const defaultGuard = 100

// GuardOff never halts a campaign.
func GuardOff() Guard { return Guard{off: true} }

// ParseGuard reads --guard: a percentage, or off.
func ParseGuard(s string) (Guard, error) {
	if s == "off" {
		return GuardOff(), nil
	}
	tenth, ok := parsePercent(s)
	if !ok || tenth == 0 {
		return Guard{}, fmt.Errorf("%q is not a guard: a percentage such as 10%%, or off", s)
	}
	return Guard{tenth: tenth}, nil
}

// permille is what the scripts read: the share in thousandths, 0 for off.
func (g Guard) permille() int {
	switch {
	case g.off:
		return 0
	case g.tenth == 0:
		return defaultGuard
	}
	return int(g.tenth)
}

// guardOf reads what permille wrote.
func guardOf(permille int64) Guard {
	if permille <= 0 {
		return GuardOff()
	}
	return Guard{tenth: int16(min(permille, 1000))}
}

// String writes the guard as the flag has it.
func (g Guard) String() string {
	if g.off {
		return "off"
	}
	return percent(int16(g.permille()))
}

// MaxRejects is how many rejected rows a file may have: a share, or a number.
// The zero value is 1 %.
type MaxRejects struct {
	tenth  int16
	number int64
	fixed  bool
}

// defaultMaxRejects in tenths of a per cent.
const defaultMaxRejects = 10

// ParseMaxRejects reads --max-rejects: a percentage, or a number of rows.
func ParseMaxRejects(s string) (MaxRejects, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return MaxRejects{number: n, fixed: true}, nil
	}
	tenth, ok := parsePercent(s)
	switch {
	case !ok:
		return MaxRejects{}, fmt.Errorf("%q is not a limit for rejects: a percentage such as 1%%, or a number of rows", s)
	case tenth == 0:
		return MaxRejects{fixed: true}, nil
	}
	return MaxRejects{tenth: tenth}, nil
}

// Allows reports whether rejected rows among rows are few enough.
func (m MaxRejects) Allows(rejected, rows int64) bool {
	if m.fixed {
		return rejected <= m.number
	}
	return rejected*1000 <= rows*int64(or(m.tenth, defaultMaxRejects))
}

// String writes the limit as the flag has it.
func (m MaxRejects) String() string {
	if m.fixed {
		return strconv.FormatInt(m.number, 10)
	}
	return percent(or(m.tenth, defaultMaxRejects))
}

// parsePercent reads 0% to 100%, with one decimal at most.
func parsePercent(s string) (tenth int16, ok bool) {
	digits, ok := strings.CutSuffix(s, "%")
	whole, decimal, _ := strings.Cut(digits, ".")
	if !ok || whole == "" || len(decimal) > 1 || strings.HasSuffix(digits, ".") {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+or(decimal, "0"), 10, 16)
	return int16(min(n, 1001)), err == nil && n <= 1000
}

func percent(tenth int16) string {
	return strconv.FormatFloat(float64(tenth)/10, 'f', -1, 64) + "%"
}
