package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Count writes a number with thousands separators.
func Count[T int | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Plain writes a text that somebody chose, such as a file's name, so that it can
// neither move a terminal's cursor nor break a line: what is not to be seen is
// escaped.
func Plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// Rate writes calls a second with one decimal.
func Rate(perSecond float64) string { return fmt.Sprintf("%.1f/s", perSecond) }

// Number writes a number as short as it is, with four decimals at most: 30, 0.8.
func Number(x float64) string {
	return strconv.FormatFloat(math.Round(x*1e4)/1e4, 'f', -1, 64)
}

// Span writes a duration in its two largest units: 34 d 17 h, 16 h 11 min. It
// rounds up, so that what is promised to take it has ended by then.
func Span(d time.Duration) string {
	if seconds := up(d, time.Second); seconds < 60 {
		return fmt.Sprintf("%d s", seconds)
	}
	minutes := up(d, time.Minute)
	hours := minutes / 60
	switch {
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case hours < 48 && minutes%60 == 0:
		return fmt.Sprintf("%d h", hours)
	case hours < 48:
		return fmt.Sprintf("%d h %d min", hours, minutes%60)
	case hours%24 == 0:
		return fmt.Sprintf("%d d", hours/24)
	}
	return fmt.Sprintf("%d d %d h", hours/24, hours%24)
}

func up(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// Minute writes an instant to the minute, rounded up, for estimates.
func Minute(t time.Time) string {
	return t.UTC().Add(time.Minute - 1).Truncate(time.Minute).Format("2006-01-02T15:04Z")
}

// Time writes an instant to the second, or "" for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
