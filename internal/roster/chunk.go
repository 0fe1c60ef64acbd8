package roster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/rekeyhq/rekey/internal/reset"
)

// The first byte of a chunk says how the rest is to be read. What a sealed one
// holds is a chunk in clear.
const (
	versionZstd   = 1
	versionSealed = 2
)

// maxChunk bounds a chunk before compression: 64 KiB a row on average, a
// thousand times what a list of addresses needs.
const maxChunk = 64 << 20

// ErrDamaged is under every error of [Unpack]: the chunk cannot have been
// written by this program's [Pack].
var ErrDamaged = errors.New("roster: the chunk is damaged")

// A chunk in clear is the version byte and a zstd frame with a checksum. In the frame
// stand columns rather than rows, because like compresses with like:
//
//	the number of rows
//	lines: for each row the difference to the row before
//	usernames, analytics ids, IP addresses, encoded data: four texts columns
//	the number of metadata entries of each row
//	the keys of all entries, sorted within each row: a texts column
//	their values: a texts column
//
// Numbers are varints, signed for the lines. A texts column is the length of
// each text and then the texts themselves.

// coders are safe for use by many goroutines and keep nothing of what they
// coded but scratch memory, which is dear to make anew for every chunk.
var (
	encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(true))
	})
	decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxChunk))
	})
)

// Pack turns up to [ChunkRows] rows into a chunk in clear. The same rows make
// the same bytes. Campaigns are packed by a [Codec].
func Pack(rows []Row) ([]byte, error) {
	if len(rows) == 0 || len(rows) > ChunkRows {
		return nil, fmt.Errorf("roster: a chunk holds 1 to %d rows, not %d", ChunkRows, len(rows))
	}
	size := 0
	for i, r := range rows {
		if len(r.Request.ClientMetadata) > maxEntries {
			return nil, validMetadata(r.Request.ClientMetadata, 0)
		}
		size += packedSize(&rows[i].Request)
	}
	if size > maxChunk {
		return nil, fmt.Errorf("roster: the rows from line %d to line %d have %d MiB of parameters, the limit for %d rows is %d MiB: make client_metadata or encoded_data shorter",
			rows[0].Line, rows[len(rows)-1].Line, size>>20, ChunkRows, maxChunk>>20)
	}
	enc, err := encoder()
	if err != nil {
		return nil, err
	}
	plain := plains.Get().(*[]byte)
	*plain = appendChunk(slices.Grow((*plain)[:0], size), rows)
	chunk := enc.EncodeAll(*plain, []byte{versionZstd})
	if cap(*plain) <= maxKept {
		plains.Put(plain)
	}
	return chunk, nil
}

// plains are the plain texts of chunks that are packed, to be used again: a quarter
// of what a load allocates. Those of an unusual size are not kept.
var plains = sync.Pool{New: func() any { return new([]byte) }}

const maxKept = 1 << 20

// Unpack reads what [Pack] wrote. Whatever the bytes are, it needs bounded
// memory and answers with rows or an error.
func Unpack(chunk []byte) ([]Row, error) { return new(Codec).Unpack(0, chunk) }

func unpackClear(chunk []byte) ([]Row, error) {
	plain, err := decompress(nil, chunk)
	if err != nil {
		return nil, err
	}
	return parseChunk(string(plain))
}

// decompress appends the plain text of a chunk in clear to b.
func decompress(b, chunk []byte) ([]byte, error) {
	if len(chunk) == 0 {
		return b, ErrDamaged
	}
	if chunk[0] != versionZstd {
		return b, fmt.Errorf("%w: it has version %d, this program reads versions %d and %d: if a newer rekey wrote it, update this one",
			ErrDamaged, chunk[0], versionZstd, versionSealed)
	}
	dec, err := decoder()
	if err != nil {
		return b, err
	}
	plain, err := dec.DecodeAll(chunk[1:], b)
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return plain, nil
}

// packedSize is the most that a row takes before compression.
func packedSize(r *reset.Request) int {
	n := 3 * binary.MaxVarintLen64 // the line, the number of entries, the number of rows
	for _, column := range textColumns {
		n += binary.MaxVarintLen32 + len(column(r).Reveal())
	}
	for k, v := range r.ClientMetadata {
		n += 2*binary.MaxVarintLen32 + len(k) + len(v.Reveal())
	}
	return n
}

func appendChunk(b []byte, rows []Row) []byte {
	b = binary.AppendUvarint(b, uint64(len(rows)))
	before := int64(0)
	for _, r := range rows {
		b = binary.AppendVarint(b, r.Line-before)
		before = r.Line
	}
	for _, column := range textColumns {
		b = appendTexts(b, len(rows), func(i int) string { return column(&rows[i].Request).Reveal() })
	}
	var keys []string
	var values []reset.Personal
	for _, r := range rows {
		b = binary.AppendUvarint(b, uint64(len(r.Request.ClientMetadata)))
		first := len(keys)
		for k := range r.Request.ClientMetadata {
			keys = append(keys, k)
		}
		slices.Sort(keys[first:])
		for _, k := range keys[first:] {
			values = append(values, r.Request.ClientMetadata[k])
		}
	}
	b = appendTexts(b, len(keys), func(i int) string { return keys[i] })
	return appendTexts(b, len(values), func(i int) string { return values[i].Reveal() })
}

// textColumns are the columns of one text a row, in their order.
var textColumns = [...]func(*reset.Request) *reset.Personal{
	func(r *reset.Request) *reset.Personal { return &r.Username },
	func(r *reset.Request) *reset.Personal { return &r.AnalyticsEndpointID },
	func(r *reset.Request) *reset.Personal { return &r.UserContext.IPAddress },
	func(r *reset.Request) *reset.Personal { return &r.UserContext.EncodedData },
}

func appendTexts(b []byte, n int, text func(int) string) []byte {
	for i := range n {
		b = binary.AppendUvarint(b, uint64(len(text(i))))
	}
	for i := range n {
		b = append(b, text(i)...)
	}
	return b
}
