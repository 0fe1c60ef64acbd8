package tasks

import (
	"context"
	"log/slog"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// levels: what an operator should see. What is accepted is in the metrics.
func level(o reset.Outcome) slog.Level {
	switch o {
	case reset.Accepted:
		return slog.LevelDebug
	case reset.Misconfigured, reset.QuotaSpent:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// say logs what became of a call. Nothing in it is personal: the text is
// scrubbed, the row has a number.
func (s *Server) say(ref reset.Ref, a failed, settled campaign.Settled) {
	attrs := []slog.Attr{slog.String("row", ref.String()), slog.String("outcome", a.outcome.String())}
	if a.outcome == reset.Accepted {
		s.log.LogAttrs(context.Background(), level(a.outcome), "called", attrs...)
		return
	}
	attrs = append(attrs, slog.String("cause", a.cause.String()), slog.String("state", settled.Record.State.String()))
	if a.code != "" {
		attrs = append(attrs, slog.String("code", a.code))
	}
	if a.text != "" {
		attrs = append(attrs, slog.String("text", a.text))
	}
	if r := settled.Record; r.State == campaign.Waiting || r.State == campaign.InDoubt {
		attrs = append(attrs, slog.Time("not_before", r.At))
	}
	s.log.LogAttrs(context.Background(), level(a.outcome), "called", attrs...)
}
