package roster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Codec packs and unpacks the pieces of one load's roster: its chunks, or the
// single rows of a standing campaign. With a key they are sealed, each for its
// number: one that is found in another place is refused. Pieces that were packed
// without a key are read by any codec.
//
// It may be used by many goroutines. The zero value has no key.
type Codec struct {
	sealing *loadKey
	opening []*loadKey
	have    []string
}

// Codec derives a load's keys. That costs some microseconds, so a codec is made
// once for a load and not for each piece.
func (k *Keys) Codec(l Load) (*Codec, error) {
	c := &Codec{have: k.IDs()}
	if k == nil {
		return c, nil
	}
	for _, key := range k.ring {
		derived, err := key.derive(l)
		if err != nil {
			return nil, err
		}
		c.opening = append(c.opening, derived)
	}
	if len(c.opening) > 0 {
		c.sealing = c.opening[0]
	}
	return c, nil
}

// key returns the one of an id, as a header has it.
func (c *Codec) key(id [idBytes]byte) (*loadKey, error) {
	for _, k := range c.opening {
		if k.id == id {
			return k, nil
		}
	}
	return nil, ErrNoKey{ID: hex.EncodeToString(id[:]), Have: c.have}
}

// Pack turns up to [ChunkRows] rows into the chunk of that number.
func (c *Codec) Pack(number int64, rows []Row) ([]byte, error) {
	plain, err := Pack(rows)
	if err != nil || c.sealing == nil {
		return plain, err
	}
	return c.sealing.seal(number, plain), nil
}

// Unpack reads what [Codec.Pack] wrote for that number. Whatever the bytes are,
// it needs bounded memory and answers with rows or an error: [ErrNoKey] when
// the key is not there, else one that wraps [ErrDamaged].
func (c *Codec) Unpack(number int64, chunk []byte) ([]Row, error) {
	plain, err := c.open(number, chunk)
	if err != nil {
		return nil, err
	}
	return unpackClear(plain)
}

// open returns the clear chunk.
func (c *Codec) open(number int64, chunk []byte) ([]byte, error) {
	if len(chunk) == 0 || chunk[0] != versionSealed {
		return chunk, nil
	}
	if len(chunk) < headerBytes {
		return nil, broken(errCutOff, ": %d bytes are there", len(chunk))
	}
	key, err := c.key([idBytes]byte(chunk[1:]))
	if err != nil {
		return nil, err
	}
	return key.open(number, chunk)
}

// PackOne packs a single row, for its own number.
func (c *Codec) PackOne(number int64, row Row) ([]byte, error) { return c.Pack(number, []Row{row}) }

// UnpackOne reads what [Codec.PackOne] wrote.
func (c *Codec) UnpackOne(number int64, b []byte) (Row, error) {
	rows, err := c.Unpack(number, b)
	if err != nil {
		return Row{}, err
	}
	if len(rows) != 1 {
		return Row{}, ErrDamaged
	}
	return rows[0], nil
}

// Digest is how [Stats.Digest] is kept. As it is, it would let whoever sees it
// try lists, and a short one would be found; so with a key it is a keyed hash.
func (c *Codec) Digest(sum [sha256.Size]byte) string {
	if c.sealing == nil {
		return hex.EncodeToString(sum[:])
	}
	return c.sealing.keyedDigest(sum)
}

// SameDigest reports whether kept is the digest of the same content, whichever
// key was the sealing one at the time. It needs that key.
func (c *Codec) SameDigest(kept string, sum [sha256.Size]byte) (bool, error) {
	id, _, keyed := strings.Cut(kept, ":")
	if !keyed {
		return kept == hex.EncodeToString(sum[:]), nil
	}
	var b [idBytes]byte
	if n, err := hex.Decode(b[:], []byte(id[:min(len(id), 2*idBytes)])); n != idBytes || err != nil {
		return false, nil //nolint:nilerr // what is no digest of ours is not the same one
	}
	key, err := c.key(b)
	if err != nil {
		return false, err
	}
	return hmac.Equal([]byte(kept), []byte(key.keyedDigest(sum))), nil
}

func (k *loadKey) keyedDigest(sum [sha256.Size]byte) string {
	mac := hmac.New(sha256.New, k.digest)
	mac.Write(sum[:])
	return hex.EncodeToString(k.id[:]) + ":" + hex.EncodeToString(mac.Sum(nil))
}
