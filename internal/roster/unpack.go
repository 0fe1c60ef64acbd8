package roster

import (
	"encoding/binary"
	"math"

	"github.com/rekeyhq/rekey/internal/reset"
)

// unpacker reads the plain text of a chunk. Its first fault sticks, and from
// then on it yields zeroes; no count is believed before the text is long enough
// to hold it.
type unpacker struct {
	rest string
	bad  bool
}

func parseChunk(plain string) ([]Row, error) {
	u := unpacker{rest: plain}
	n := u.count(ChunkRows)
	if u.bad || n == 0 {
		return nil, ErrDamaged
	}
	rows := make([]Row, n)
	line := int64(0)
	for i := range rows {
		line += u.varint()
		rows[i].Line = line
	}
	for _, column := range textColumns {
		u.texts(n, func(i int, s string) { *column(&rows[i].Request) = reset.Hide(s) })
	}
	u.metadata(rows)
	if u.bad || u.rest != "" {
		return nil, ErrDamaged
	}
	return rows, nil
}

func (u *unpacker) metadata(rows []Row) {
	total := 0
	owners := make([]int32, 0, len(rows))
	for i := range rows {
		n := u.count(maxEntries)
		if total += n; total > len(u.rest) {
			u.bad = true // an entry has two lengths, of a byte at least
			return
		}
		if n > 0 {
			rows[i].Request.ClientMetadata = make(map[string]reset.Personal, n)
		}
		for range n {
			owners = append(owners, int32(i))
		}
	}
	keys := make([]string, total)
	u.texts(total, func(i int, s string) { keys[i] = s })
	u.texts(total, func(i int, s string) {
		rows[owners[i]].Request.ClientMetadata[keys[i]] = reset.Hide(s)
	})
}

// texts reads a column of n texts.
func (u *unpacker) texts(n int, set func(int, string)) {
	if u.bad || n > len(u.rest) {
		u.bad = u.bad || n > 0
		return
	}
	lengths := make([]int32, n)
	total := 0
	for i := range lengths {
		l := u.count(maxChunk)
		lengths[i] = int32(l)
		total += l
	}
	if u.bad || total > len(u.rest) {
		u.bad = true
		return
	}
	for i, l := range lengths {
		set(i, u.rest[:l])
		u.rest = u.rest[l:]
	}
}

// count reads a number of at most most.
func (u *unpacker) count(most int) int {
	v, n := uvarint(u.rest)
	if u.bad || n <= 0 || v > uint64(most) {
		u.bad = true
		return 0
	}
	u.rest = u.rest[n:]
	return int(v)
}

func (u *unpacker) varint() int64 {
	v, n := uvarint(u.rest)
	if u.bad || n <= 0 {
		u.bad = true
		return 0
	}
	u.rest = u.rest[n:]
	if v&1 != 0 {
		return ^int64(v >> 1)
	}
	return int64(v >> 1)
}

// uvarint is binary.Uvarint for a string.
func uvarint(s string) (uint64, int) {
	if s == "" {
		return 0, 0
	}
	if s[0] < 0x80 {
		return uint64(s[0]), 1
	}
	return binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
}

// maxChunk must fit the lengths above.
const _ = uint(math.MaxInt32 - maxChunk)
