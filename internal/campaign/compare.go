package campaign

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekeyhq/rekey/internal/roster"
)

// compare reads the file to its end without writing. That it was loaded is true
// only of a campaign whose chunks are still there.
func (l *loader) compare(ctx context.Context, from source) (Plan, error) {
	for _, err := range from.rows {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return Plan{}, fmt.Errorf("load %s: %w", l.spec.ID, err)
		}
	}
	c, err := l.Campaign(ctx, l.spec.ID)
	if err != nil {
		return Plan{}, err
	}
	same, err := l.sameRows(c, from.stats())
	if err != nil {
		return Plan{}, fmt.Errorf("load %s: it is there already, and whether it has these rows cannot be told: %w", l.spec.ID, err)
	}
	if err := l.spec.differs(c, same); err != nil {
		return Plan{}, err
	}
	if err := l.whole(ctx, c); err != nil {
		return Plan{}, fmt.Errorf("load %s: %w", l.spec.ID, err)
	}
	c.Plan.Existed = true
	return c.Plan, nil
}

// sameRows says whether the campaign was loaded from these rows, also when its
// roster was sealed with another key than a load would use now, or with none.
func (s *Store) sameRows(c Campaign, st roster.Stats) (bool, error) {
	codec, err := s.codec(c.ID, c.Generation)
	if err != nil {
		return false, err
	}
	return codec.SameDigest(c.digest, st.Digest)
}

// differs compares what is asked for with what is there. The rules are compared
// too: who loads again with --on-doubt park must not go on with resend.
func (s Spec) differs(c Campaign, sameRows bool) error {
	if !sameRows {
		return ErrOtherContent{ID: s.ID, What: "rows"}
	}
	for _, rule := range []struct{ flag, have, given string }{
		{"--priority", string(c.Priority), string(s.Priority)},
		{"--on-doubt", string(c.OnDoubt), string(s.OnDoubt)},
		{"--on-live", string(c.OnLive), string(s.OnLive)},
		{"--guard", c.Guard.String(), s.Guard.String()},
	} {
		if rule.have != rule.given {
			return ErrOtherContent{ID: s.ID, What: rule.flag, Have: rule.have, Given: rule.given}
		}
	}
	return nil
}
