package campaign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestFindRacingWithADeletionTellsNothingOfTheOldRow(t *testing.T) {
	for name, happens := range map[string]func(l *life) error{
		"deleted": func(l *life) error { return l.Delete(t.Context(), "c", 100) },
		"deleted, loaded again, and cancelled": func(l *life) error {
			err := errors.Join(l.Delete(t.Context(), "c", 100), reload(l))
			return errors.Join(err, l.Cancel(t.Context(), "c", 100))
		},
	} {
		for where, id := range map[string]string{"in one": "c", "everywhere": ""} {
			t.Run(name+", "+where, func(t *testing.T) {
				l := newLife(t)
				l.running("c", 100).call(42, accepted())
				l.ok(l.Cancel(t.Context(), "c", 99))
				l.draft("z", 100)
				l.afterReading(l.keys.roster("c", 0), func() {
					if err := happens(l); err != nil {
						t.Error(err)
					}
				})
				found, err := l.Find(t.Context(), id, reset.Hide(nameOf(42)))
				if id != "" {
					wantErr[ErrUnknown](t, err)
				} else {
					l.ok(err)
				}
				if i := slices.IndexFunc(found.Lines, func(line Line) bool { return line.Ref.Campaign == "c" }); i >= 0 {
					t.Errorf("of a campaign that is gone it found %+v", found.Lines[i].Record)
				}
				if id == "" && len(found.Lines) != 1 {
					t.Errorf("found %d rows, want the other campaign's", len(found.Lines))
				}
			})
		}
	}
}

// afterReading lets do happen once a key has been read in a pipeline, before
// its reader has the answer.
func (l *life) afterReading(key string, do func()) {
	l.rdb.AddHook(&interloper{key: key, do: sync.OnceFunc(do)})
}

// interloper is a [redis.Hook].
type interloper struct {
	key string
	do  func()
}

func (i *interloper) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (i *interloper) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (i *interloper) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Name() == "get" && strings.Contains(c.String(), i.key) }) {
			i.do()
		}
		return err
	}
}
