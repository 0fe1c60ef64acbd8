package roster

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"golang.org/x/text/cases"
)

// seen knows which usernames have been read, by 128 bits of SHA-256 under a key
// that is made for each file and never leaves it: a collision, which would
// leave a user out, is out of reach also for somebody who may choose usernames,
// and the fingerprints are of no use to whoever finds them in a dump.
//
// They are kept in open addressing tables of 16 bytes a slot. There are 256
// tables, so that growing copies one part in 256 at a time and not everything;
// they grow by half and are between 53 and 80 % full: 20 to 30 bytes a user.
type seen struct {
	caseSensitive bool
	folder        cases.Caser
	text          []byte // the key, and the username after it
	tables        [256]table
}

const keySize = 16

// fingerprint is what is kept of a username.
type fingerprint [16]byte

type table struct {
	slots []fingerprint // the zero fingerprint is an empty slot
	used  int
}

const firstSlots = 16

func newSeen(caseSensitive bool) *seen {
	s := &seen{caseSensitive: caseSensitive, folder: cases.Fold(), text: make([]byte, keySize, 256)}
	_, _ = rand.Read(s.text) // never fails
	return s
}

// add reports whether the username is new.
func (s *seen) add(username string) bool {
	h := s.fingerprint(username)
	return s.tables[h[15]].add(h)
}

func (s *seen) fingerprint(username string) fingerprint {
	s.text = append(s.text[:keySize], username...)
	if !s.caseSensitive && !foldASCII(s.text[keySize:]) {
		s.text = append(s.text[:keySize], s.folder.String(username)...)
	}
	sum := sha256.Sum256(s.text)
	h := fingerprint(sum[:16])
	if h == (fingerprint{}) {
		h[0] = 1
	}
	return h
}

// foldASCII folds in place and reports whether that is all there is to fold.
func foldASCII(b []byte) bool {
	for i, c := range b {
		if c >= 0x80 {
			return false
		}
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return true
}

func (t *table) add(h fingerprint) bool {
	if t.used >= len(t.slots)/5*4 {
		t.grow()
	}
	i := t.find(h)
	if t.slots[i] == h {
		return false
	}
	t.slots[i] = h
	t.used++
	return true
}

// find returns the slot of h, or the empty one where it belongs. Slots are in
// the order of the fingerprints, so growing reads and writes straight on.
func (t *table) find(h fingerprint) int {
	hi, _ := bits.Mul64(binary.BigEndian.Uint64(h[:8]), uint64(len(t.slots)))
	i := int(hi)
	for t.slots[i] != h && t.slots[i] != (fingerprint{}) {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return i
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]fingerprint, max(firstSlots, len(old)+len(old)/2))
	for _, h := range old {
		if h != (fingerprint{}) {
			t.slots[t.find(h)] = h
		}
	}
}
