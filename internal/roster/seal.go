package roster

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeyBytes is the length of a roster key.
const KeyBytes = 32

// idBytes is the length of a key's id: enough to tell a handful apart.
const idBytes = 4

// Keys are the roster keys of a fleet: the first one seals, all of them open.
// With none of them, and also a nil *Keys is so, rosters are packed in clear.
type Keys struct{ ring []rosterKey }

type rosterKey struct {
	id     string
	secret []byte
}

// NewKeys takes the keys in the order of rekey.yaml.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	k := &Keys{}
	for i, secret := range secrets {
		if len(secret) != KeyBytes {
			return nil, fmt.Errorf("roster key %d has %d bytes, want %d", i+1, len(secret), KeyBytes)
		}
		id := KeyID(secret)
		if k.Has(id) {
			return nil, fmt.Errorf("roster key %s is there twice", id)
		}
		k.ring = append(k.ring, rosterKey{id, slices.Clone(secret)})
	}
	return k, nil
}

// KeyID names a key in errors, in Redis and on screens. It tells nothing about
// the key.
func KeyID(secret []byte) string {
	sum := sha256.Sum256(append([]byte("rekey roster key\x00"), secret...))
	return hex.EncodeToString(sum[:idBytes])
}

// IDs are the ids of the keys, that of the sealing one first.
func (k *Keys) IDs() []string {
	if k == nil {
		return nil
	}
	ids := make([]string, len(k.ring))
	for i, key := range k.ring {
		ids[i] = key.id
	}
	return ids
}

// Has reports whether what was sealed with a key can be opened.
func (k *Keys) Has(id string) bool { return slices.Contains(k.IDs(), id) }

// Sealing is the id of the key that seals; "" when rosters are packed in clear.
func (k *Keys) Sealing() string {
	if k == nil || len(k.ring) == 0 {
		return ""
	}
	return k.ring[0].id
}

// Load names one load of a campaign. Its generation is random, so that no two
// loads share a key.
type Load struct{ Pool, Campaign, Generation string }

// ErrNoKey says that something was sealed with a key that is not among the
// roster keys. Nothing is damaged: with the key it can be read.
type ErrNoKey struct {
	// ID is the id of the key that is missing, Have are those that are there.
	ID   string
	Have []string
}

// Error implements error.
func (e ErrNoKey) Error() string {
	have := "none is set"
	if len(e.Have) > 0 {
		have = "those are " + strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("sealed with roster key %s, which is not among roster_keys (%s): put that key back into roster_keys", e.ID, have)
}

// What is wrong with a sealed piece whose key is there. Each is an [ErrDamaged].
var (
	errCutOff  = errors.New("it is cut off")
	errForeign = errors.New("it was moved here from another campaign, or from another load of this one")
	errMoved   = errors.New("it was moved here from another place of the campaign")
	errChanged = errors.New("it was changed after it was sealed")
)

func broken(what error, format string, args ...any) error {
	return fmt.Errorf("%w: %w%s", ErrDamaged, what, fmt.Sprintf(format, args...))
}

// A sealed piece is a header and a clear one under AES-256-GCM, its random nonce
// in front. The header is authenticated too; it stands there so that an error
// can say more than "authentication failed":
//
//	version, the key's id, a tag of the load: 1, 4 and 4 bytes
//	the piece's number, 8 bytes: that of a chunk, or of a standing campaign's row
//	the length of the whole, 4 bytes
const headerBytes = 1 + idBytes + tagBytes + 8 + 4

// tagBytes is the length of the tag by which a load knows its pieces.
const tagBytes = 4

// loadKey is one roster key for one load.
type loadKey struct {
	id     [idBytes]byte
	tag    [tagBytes]byte
	aead   cipher.AEAD
	digest []byte // the key under which the load's digest is kept
	place  []byte // authenticated with every piece
}

const keyPurpose = "rekey roster 2"

// derive makes a load's key of a roster key.
func (k rosterKey) derive(l Load) (*loadKey, error) {
	place := []byte(strings.Join([]string{keyPurpose, l.Pool, l.Campaign, l.Generation}, "\x00"))
	out, err := hkdf.Key(sha256.New, k.secret, []byte(l.Generation), string(place), KeyBytes+tagBytes+sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("roster key %s: %w", k.id, err)
	}
	block, err := aes.NewCipher(out[:KeyBytes])
	if err != nil {
		return nil, fmt.Errorf("roster key %s: %w", k.id, err)
	}
	lk := &loadKey{digest: out[KeyBytes+tagBytes:], place: place}
	copy(lk.tag[:], out[KeyBytes:])
	_, _ = hex.Decode(lk.id[:], []byte(k.id)) // KeyID wrote it
	if lk.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("roster key %s: %w", k.id, err)
	}
	return lk, nil
}

// bound is what is authenticated beside the content.
func (k *loadKey) bound(header []byte) []byte { return slices.Concat(header, k.place) }

func (k *loadKey) seal(number int64, plain []byte) []byte {
	size := headerBytes + len(plain) + k.aead.Overhead()
	b := make([]byte, 0, size)
	b = append(b, versionSealed)
	b = append(b, k.id[:]...)
	b = append(b, k.tag[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(number))
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	return k.aead.Seal(b, nil, plain, k.bound(b))
}

// open says what is wrong as exactly as the header allows. What it says may be
// an attacker's invention; that the piece is refused is not.
func (k *loadKey) open(number int64, sealed []byte) ([]byte, error) {
	header := sealed[:headerBytes]
	rest := header[1+idBytes:]
	if [tagBytes]byte(rest[:tagBytes]) != k.tag {
		return nil, broken(errForeign, "")
	}
	rest = rest[tagBytes:]
	if has := int64(binary.BigEndian.Uint64(rest)); has != number {
		return nil, broken(errMoved, ": it is number %d in the place of number %d", has, number)
	}
	if size := int64(binary.BigEndian.Uint32(rest[8:])); int64(len(sealed)) < size {
		return nil, broken(errCutOff, ": %d of %d bytes are there", len(sealed), size)
	}
	plain, err := k.aead.Open(nil, nil, sealed[headerBytes:], k.bound(header))
	if err != nil {
		return nil, broken(errChanged, "")
	}
	return plain, nil
}
