package campaign

import (
	"context"
	"slices"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

func TestWhatTakesItsTimeSaysHowFarItIsUpToItsEnd(t *testing.T) {
	const rows = (keysAtOnce/2+pageChunks)*roster.ChunkRows + 5 // more than a step of each
	l := newLife(t)
	l.draft("small", 10) // its chunk is not full, and find comes to it last
	r := l.running("c", rows)
	r.call(rows-1, refused()) // for replay, which ends when it has moved all
	for _, what := range []struct {
		name  string
		total int64
		do    func(ctx context.Context) error
	}{
		{"report", rows, func(ctx context.Context) error {
			for _, err := range l.Rows(ctx, r.camp, Filter{}) {
				l.ok(err)
			}
			return nil
		}},
		{"find", rows + 10, func(ctx context.Context) error {
			_, err := l.Find(ctx, "", reset.Hide("nobody"))
			return err
		}},
		{"replay", rows, func(ctx context.Context) error {
			_, err := l.Replay(ctx, "c", Filter{}, 1)
			return err
		}},
		{"delete", r.camp.chunks() * roster.ChunkRows, func(ctx context.Context) error {
			l.ok(l.Cancel(ctx, "c", rows))
			return l.Delete(ctx, "c", rows)
		}},
	} {
		t.Run(what.name, func(t *testing.T) {
			var said []int64
			l.ok(what.do(WithProgress(t.Context(), func(done, total int64) {
				if total != what.total {
					t.Errorf("of %d rows, want %d", total, what.total)
				}
				said = append(said, done)
			})))
			if len(said) < 2 || said[len(said)-1] != what.total || slices.Index(said, what.total) != len(said)-1 {
				t.Errorf("said %v, want several steps, and all %d rows at the last", said, what.total)
			}
			if !slices.IsSorted(said) {
				t.Errorf("said %v: it went back", said)
			}
		})
	}
}
