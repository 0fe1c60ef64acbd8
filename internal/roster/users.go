package roster

import (
	"encoding/binary"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/cases"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Users are the lines and the usernames of a chunk: all of it that a report
// prints. The parameters of its rows are not unpacked.
type Users struct {
	lines []int64
	names []reset.Personal
}

// Len is how many rows the chunk has.
func (u Users) Len() int { return len(u.lines) }

// Line is the line of a row in its file.
func (u Users) Line(slot int) int64 { return u.lines[slot] }

// Username is whom a row names.
func (u Users) Username(slot int) reset.Personal { return u.names[slot] }

// Users reads a part of what [Codec.Pack] wrote for that number. Like
// [Codec.Unpack] it answers with users or an error, whatever the bytes are.
func (c *Codec) Users(number int64, chunk []byte) (Users, error) {
	plain, err := c.open(number, chunk)
	if err != nil {
		return Users{}, err
	}
	return usersIn(plain)
}

func usersIn(plain []byte) (Users, error) {
	c := nameColumns.Get().(*nameColumn)
	defer nameColumns.Put(c)
	if err := c.unpack(plain); err != nil {
		return Users{}, err
	}
	names, all, from := make([]string, len(c.ends)), string(c.texts), 0
	for i, to := range c.ends {
		names[i], from = all[from:to], to
	}
	return Users{slices.Clone(c.lines), reset.HideAll(names)}, nil
}

var nameColumns = sync.Pool{New: func() any { return new(nameColumn) }}

// Search looks for a username in the pieces of rosters. It compares as the pool
// does, and makes nothing of what it only compares. It is for one goroutine.
type Search struct {
	name          string // folded
	ascii         bool   // the name is
	caseSensitive bool
	fold          cases.Caser
	column        nameColumn
}

// NewSearch returns a search for a username.
func NewSearch(username reset.Personal, caseSensitive bool) *Search {
	name := Fold(username.Reveal(), caseSensitive)
	return &Search{name: name, ascii: isASCII([]byte(name)), caseSensitive: caseSensitive, fold: cases.Fold()}
}

// In returns which rows of the piece of that number name the user, and how many
// rows it has. Its errors are those of [Codec.Unpack].
func (s *Search) In(codec *Codec, number int64, piece []byte) (slots []int, rows int, err error) {
	plain, err := codec.open(number, piece)
	if err != nil {
		return nil, 0, err
	}
	c := &s.column
	if err := c.unpack(plain); err != nil {
		return nil, 0, err
	}
	same := s.sameASCII
	if s.caseSensitive {
		same = s.sameBytes
	} else if !isASCII(c.texts) {
		same = s.sameFolded
	}
	from := 0
	for i, to := range c.ends {
		if same(c.texts[from:to]) {
			slots = append(slots, i)
		}
		from = to
	}
	return slots, len(c.ends), nil
}

func (s *Search) sameBytes(name []byte) bool { return string(name) == s.name }

// sameASCII is for names in ASCII: no other letters can come of folding them.
func (s *Search) sameASCII(name []byte) bool {
	if len(name) != len(s.name) || !s.ascii {
		return false
	}
	for i, c := range name {
		if lower(c) != s.name[i] {
			return false
		}
	}
	return true
}

func (s *Search) sameFolded(name []byte) bool {
	if isASCII(name) {
		return s.sameASCII(name)
	}
	return string(s.fold.Bytes(name)) == s.name
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// nameColumn is the beginning of a chunk's plain text. Its memory is used again.
type nameColumn struct {
	plain []byte
	lines []int64
	texts []byte // of plain: the usernames one behind the other
	ends  []int  // where each of them ends
}

// unpack reads the number of rows, their lines, and the column of usernames.
func (c *nameColumn) unpack(chunk []byte) error {
	var err error
	if c.plain, err = decompress(c.plain[:0], chunk); err != nil {
		return err
	}
	rest := c.plain
	n, size := binary.Uvarint(rest)
	if size <= 0 || n == 0 || n > ChunkRows {
		return ErrDamaged
	}
	if rest, err = c.readLines(rest[size:], int(n)); err != nil {
		return err
	}
	if rest, err = c.readEnds(rest, int(n)); err != nil {
		return err
	}
	c.texts = rest[:c.ends[n-1]]
	return nil
}

func (c *nameColumn) readLines(rest []byte, n int) ([]byte, error) {
	c.lines = c.lines[:0]
	line := int64(0)
	for range n {
		step, size := binary.Varint(rest)
		if size <= 0 {
			return nil, ErrDamaged
		}
		line, rest = line+step, rest[size:]
		c.lines = append(c.lines, line)
	}
	return rest, nil
}

func (c *nameColumn) readEnds(rest []byte, n int) ([]byte, error) {
	c.ends = c.ends[:0]
	end := 0
	for range n {
		length, size := binary.Uvarint(rest)
		if size <= 0 || length > maxChunk {
			return nil, ErrDamaged
		}
		end, rest = end+int(length), rest[size:]
		c.ends = append(c.ends, end)
	}
	if end > len(rest) {
		return nil, ErrDamaged
	}
	return rest, nil
}
