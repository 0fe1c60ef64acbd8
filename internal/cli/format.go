package cli

import (
	"fmt"
	"strconv"
	"time"
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

// Rate writes calls a second with one decimal.
func Rate(perSecond float64) string { return fmt.Sprintf("%.1f/s", perSecond) }

// Number writes a number as short as it is: 30, 0.8.
func Number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Span writes a duration in its two largest units: 34 d 17 h, 16 h 11 min.
func Span(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int64(d.Round(time.Second)/time.Second))
	}
	minutes := int64(d.Round(time.Minute) / time.Minute)
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

// Minute writes an instant to the minute, for estimates.
func Minute(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

// Time writes an instant to the second, or "" for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
