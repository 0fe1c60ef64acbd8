package roster

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"github.com/rekeyhq/rekey/internal/reset"
)

// digest is SHA-256 over the rows in a form that no two lists share.
type digest struct {
	sum hash.Hash
	buf []byte
}

const digestBlock = 32 << 10

func newDigest(caseSensitive bool) *digest {
	d := &digest{sum: sha256.New(), buf: make([]byte, 0, 2*digestBlock)}
	d.buf = append(d.buf, "rekey roster 1\n"...)
	if caseSensitive {
		d.buf = append(d.buf, 1)
	} else {
		d.buf = append(d.buf, 0)
	}
	return d
}

func (d *digest) add(row Row) {
	d.buf = appendRow(d.buf, row)
	if len(d.buf) >= digestBlock {
		d.flush()
	}
}

func (d *digest) flush() {
	_, _ = d.sum.Write(d.buf) // never fails
	d.buf = d.buf[:0]
}

func (d *digest) end() (sum [32]byte) {
	d.flush()
	d.sum.Sum(sum[:0])
	return sum
}

// appendRow writes each text with its length before it, and metadata by key.
func appendRow(b []byte, row Row) []byte {
	r := &row.Request
	b = binary.AppendVarint(b, row.Line)
	b = appendText(b, r.Username)
	b = appendText(b, r.AnalyticsEndpointID)
	b = appendText(b, r.UserContext.IPAddress)
	b = appendText(b, r.UserContext.EncodedData)
	b = binary.AppendUvarint(b, uint64(len(r.ClientMetadata)))
	if len(r.ClientMetadata) == 0 {
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(r.ClientMetadata)) {
		b = binary.AppendUvarint(b, uint64(len(k)))
		b = append(b, k...)
		b = appendText(b, r.ClientMetadata[k])
	}
	return b
}

func appendText(b []byte, p reset.Personal) []byte {
	b = binary.AppendUvarint(b, uint64(len(p.Reveal())))
	return append(b, p.Reveal()...)
}
