package roster

import (
	"strings"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Bounds of a piece of memory that holds the texts of many rows: about those of
// a chunk, which is written and dropped as a whole.
const (
	textBytes = 32 << 10
	textCount = ChunkRows
)

// texts makes the texts of many rows in few pieces of memory. Two small ones for
// each row, the text and where it is, cost a fifth of the whole reading. A row
// that is kept alone keeps its piece; one that is long has its own.
type texts struct {
	piece strings.Builder
	free  []string
}

// hide returns a text that outlives b.
func (t *texts) hide(b []byte) reset.Personal {
	if len(b) == 0 || len(b) > textBytes/8 {
		return reset.Hide(string(b))
	}
	if t.piece.Cap()-t.piece.Len() < len(b) {
		t.piece = strings.Builder{}
		t.piece.Grow(textBytes)
	}
	if len(t.free) == 0 {
		t.free = make([]string, textCount)
	}
	from := t.piece.Len()
	t.piece.Write(b)
	s := &t.free[0]
	t.free = t.free[1:]
	*s = t.piece.String()[from:]
	return reset.HideAt(s)
}
