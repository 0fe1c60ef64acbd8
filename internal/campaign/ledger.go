package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// DoubtLimit is the number of attempts at which a doubt is parked.
const DoubtLimit = 3

// Mark is one attempt at one row.
type Mark struct {
	Ref reset.Ref
	// Token is random, and made before Begin is asked. It makes this attempt's
	// mark its own: only its bearer can settle it.
	Token string
	// Username is whose code it is; only a keyed hash of it leaves.
	Username reset.Personal
	// NotAfter, on Redis's clock, is when a mark comes too late.
	NotAfter time.Time
}

func (m Mark) validate() error {
	switch {
	case m.Ref.Campaign == "" || m.Ref.Generation == "" || m.Ref.Row < 0:
		return fmt.Errorf("%s is not a row of a campaign", m.Ref)
	case m.Token == "" || strings.ContainsAny(m.Token, " \n"):
		return errors.New("a mark needs a token without white space")
	case m.Username.IsZero():
		return errors.New("a mark needs the username")
	}
	return nil
}

// rowArgs are ARGV 1 to 3 of the scripts about a row.
func rowArgs(ref reset.Ref, more ...any) []any {
	return append([]any{ref.Campaign, ref.Generation, ref.Row}, more...)
}

func (s *Store) busy() int64     { return s.pool.Hour.Busy().Milliseconds() }
func (s *Store) codeLife() int64 { return s.pool.Hour.CodeLife().Milliseconds() }

// millis rounds up: a wait is never shorter than was asked for.
func millis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// parseMember reads what member wrote.
func parseMember(s string) (reset.Ref, error) {
	name, generation, ok := strings.Cut(s, " ")
	ref, err := reset.ParseRef(name)
	if !ok || err != nil {
		return reset.Ref{}, fmt.Errorf("%.100q is no row", s)
	}
	ref.Generation = generation
	return ref, nil
}

// parseMembers reads those that name rows, and returns the others as they are:
// one of them must not keep the rows beside it from being called.
func parseMembers(all []string) (refs []reset.Ref, foreign []string) {
	refs = make([]reset.Ref, 0, len(all))
	for _, m := range all {
		ref, err := parseMember(m)
		if err != nil {
			foreign = append(foreign, m)
			continue
		}
		refs = append(refs, ref)
	}
	return refs, foreign
}

// drop removes foreign members with a script of theirs, and returns [ErrForeign]
// if there were any.
func (s *Store) drop(ctx context.Context, script, key string, members []string) error {
	if len(members) == 0 {
		return nil
	}
	args := make([]any, len(members))
	for i, m := range members {
		args[i] = m
	}
	if err := s.run(ctx, script, []string{key}, args...).Err(); err != nil {
		return fmt.Errorf("drop what is not rekey's from %s: %w", key, err)
	}
	return ErrForeign{Key: key, Members: members}
}
