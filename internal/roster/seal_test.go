package roster

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// secretOf is a key of 32 equal bytes.
func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, KeyBytes) }

func keysOf(t testing.TB, secrets ...byte) *Keys {
	t.Helper()
	all := make([][]byte, len(secrets))
	for i, b := range secrets {
		all[i] = secretOf(b)
	}
	keys, err := NewKeys(all...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var someLoad = Load{Pool: "prod", Campaign: "breach-2026", Generation: "GENERATION"}

func codecOf(t testing.TB, l Load, secrets ...byte) *Codec {
	t.Helper()
	codec, err := keysOf(t, secrets...).Codec(l)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func pack(t testing.TB, c *Codec, number int64, rows []Row) []byte {
	t.Helper()
	chunk, err := c.Pack(number, rows)
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

func TestWhatWasSealedIsOpenedAndIsNotInTheBytes(t *testing.T) {
	t.Parallel()
	codec := codecOf(t, someLoad, 1)
	rapid.Check(t, func(rt *rapid.T) {
		rows, number := rowsOf(rt), rapid.Int64Min(0).Draw(rt, "number")
		chunk := pack(t, codec, number, rows)
		got, err := codec.Unpack(number, chunk)
		if err != nil || written(got) != written(rows) {
			rt.Fatalf("unpacked something else, error %v", err)
		}
		if bytes.Equal(chunk, pack(t, codec, number, rows)) {
			rt.Fatal("the same rows were sealed into the same bytes: a nonce was used twice")
		}
		plain, err := Pack(rows)
		if err != nil {
			rt.Fatal(err)
		}
		if at := headerBytes + 12; bytes.Equal(chunk[at:at+len(plain)], plain) {
			rt.Fatal("the chunk is in clear")
		}
	})
}

func TestAKeyThatSealsNoMoreStillOpens(t *testing.T) {
	t.Parallel()
	rows := []Row{{Line: 2, Request: user("a@example.com")}}
	clear := pack(t, codecOf(t, someLoad), 3, rows)
	old := pack(t, codecOf(t, someLoad, 1), 3, rows)
	rotated := codecOf(t, someLoad, 2, 1)
	for name, chunk := range map[string][]byte{"in clear": clear, "the old key": old, "the new key": pack(t, rotated, 3, rows)} {
		if got, err := rotated.Unpack(3, chunk); err != nil || written(got) != written(rows) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := pack(t, rotated, 3, rows); !bytes.Contains(got, codecOf(t, someLoad, 2).sealing.id[:]) {
		t.Error("the first key does not seal")
	}
}

// What is wrong with each, and that the text names it.
func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	t.Parallel()
	rows := []Row{{Line: 2, Request: user("a@example.com")}}
	codec := codecOf(t, someLoad, 1)
	chunk := pack(t, codec, 7, rows)
	changed := func(at int) []byte {
		b := bytes.Clone(chunk)
		b[at] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		codec  *Codec
		number int64
		chunk  []byte
		want   error
		text   string
	}{
		"no key":            {new(Codec), 7, chunk, nil, "sealed with roster key " + KeyID(secretOf(1)) + ", which is not among roster_keys (none is set): put that key back"},
		"another key":       {codecOf(t, someLoad, 2), 7, chunk, nil, "roster key " + KeyID(secretOf(1)) + ", which is not among roster_keys (those are " + KeyID(secretOf(2)) + ")"},
		"another number":    {codec, 8, chunk, errMoved, "number 7 in the place of number 8"},
		"another campaign":  {codecOf(t, Load{"prod", "other", "GENERATION"}, 1), 7, chunk, errForeign, "another campaign"},
		"another load":      {codecOf(t, Load{"prod", "breach-2026", "OTHER"}, 1), 7, chunk, errForeign, "another load"},
		"another pool":      {codecOf(t, Load{"test", "breach-2026", "GENERATION"}, 1), 7, chunk, errForeign, "another campaign"},
		"cut in the header": {codec, 7, chunk[:headerBytes-1], errCutOff, "20 bytes are there"},
		"cut by a byte":     {codec, 7, chunk[:len(chunk)-1], errCutOff, "bytes are there"},
		"longer":            {codec, 7, append(bytes.Clone(chunk), 0), errChanged, "changed"},
		"its content":       {codec, 7, changed(len(chunk) - 20), errChanged, "changed"},
		"its nonce":         {codec, 7, changed(headerBytes), errChanged, "changed"},
		"its length":        {codec, 7, changed(headerBytes - 1), nil, ""},
		"its key's id":      {codec, 7, changed(1), nil, "not among roster_keys"},
	} {
		_, err := c.codec.Unpack(c.number, c.chunk)
		switch {
		case err == nil || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "example.com"):
			t.Errorf("%s: %v", name, err)
		case c.want != nil && (!errors.Is(err, c.want) || !errors.Is(err, ErrDamaged)):
			t.Errorf("%s: %v is not %v", name, err, c.want)
		case errors.As(err, new(ErrNoKey)) == errors.Is(err, ErrDamaged):
			t.Errorf("%s: a missing key and damage are not told apart: %v", name, err)
		}
	}
}

// A header that was forged to fit its place is still not the place's.
func TestAForgedHeaderOpensNothing(t *testing.T) {
	t.Parallel()
	rows := []Row{{Line: 2, Request: user("a@example.com")}}
	other := Load{"prod", "other", "OTHER"}
	here, there := codecOf(t, someLoad, 1), codecOf(t, other, 1)
	honest, foreign := pack(t, here, 0, rows), pack(t, there, 0, rows)
	copy(foreign, honest[:headerBytes-4])
	if _, err := here.Unpack(0, foreign); !errors.Is(err, errChanged) {
		t.Errorf("a chunk of another campaign under a forged header: %v", err)
	}
	moved := pack(t, here, 1, rows)
	copy(moved, honest[:headerBytes-4])
	if _, err := here.Unpack(0, moved); !errors.Is(err, errChanged) {
		t.Errorf("a chunk of another place under a forged header: %v", err)
	}
}

func TestEveryBitOfASealedChunkCounts(t *testing.T) {
	t.Parallel()
	codec := codecOf(t, someLoad, 1)
	chunk := pack(t, codec, 0, []Row{{Line: 2, Request: user("a@example.com")}})
	for i := range chunk {
		if _, err := codec.Unpack(0, chunk[:i]); err == nil {
			t.Errorf("cut to %d bytes: no error", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(chunk)
			bad[i] ^= 1 << bit
			if _, err := codec.Unpack(0, bad); err == nil {
				t.Errorf("bit %d of byte %d: no error", bit, i)
			}
		}
	}
}

func TestADigestThatIsKeptWithAKeyCannotBeTried(t *testing.T) {
	t.Parallel()
	sum, other := sha256.Sum256([]byte("a list")), sha256.Sum256([]byte("another"))
	clear, old, rotated, lost := codecOf(t, someLoad), codecOf(t, someLoad, 1), codecOf(t, someLoad, 2, 1), codecOf(t, someLoad, 2)
	elsewhere := codecOf(t, Load{"prod", "other", "OTHER"}, 1)
	if kept := old.Digest(sum); strings.Contains(kept, clear.Digest(sum)) || kept == elsewhere.Digest(sum) {
		t.Errorf("the digest is kept as %s", kept)
	}
	for _, writer := range []*Codec{clear, old, rotated} {
		kept := writer.Digest(sum)
		if same, err := rotated.SameDigest(kept, sum); !same || err != nil {
			t.Errorf("%s: the same list is another one, error %v", kept, err)
		}
		if same, err := rotated.SameDigest(kept, other); same || err != nil {
			t.Errorf("%s: another list is the same, error %v", kept, err)
		}
	}
	_, err := lost.SameDigest(old.Digest(sum), sum)
	if missing := new(ErrNoKey); !errors.As(err, missing) || missing.ID != KeyID(secretOf(1)) {
		t.Errorf("without the key: %v", err)
	}
	for _, kept := range []string{"", ":", "zz:", "00:11", "0102030405:"} {
		if same, _ := old.SameDigest(kept, sum); same {
			t.Errorf("%q is taken for the digest", kept)
		}
	}
}

func TestKeysThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][][]byte{
		"short": {secretOf(1)[:31]}, "long": {append(secretOf(1), 1)}, "none": {nil}, "twice": {secretOf(1), secretOf(2), secretOf(1)},
	} {
		if _, err := NewKeys(secrets...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var none *Keys
	if none.Sealing() != "" || len(none.IDs()) != 0 || none.Has("") {
		t.Error("no keys have a key")
	}
	keys := keysOf(t, 2, 1)
	if want := []string{KeyID(secretOf(2)), KeyID(secretOf(1))}; !slices.Equal(keys.IDs(), want) || keys.Sealing() != want[0] {
		t.Errorf("keys are %v, want %v", keys.IDs(), want)
	}
}

// sealedChunk is what someLoad's chunk 5 was when the format was new, with one
// row. It is a file since sealing takes a random nonce: each of fuzzing's
// processes would have another chunk, and call the others' forged.
func sealedChunk(t testing.TB) []byte {
	t.Helper()
	chunk, err := os.ReadFile("testdata/sealed.chunk")
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

func TestASealedChunkOfTheFirstVersionIsStillOpened(t *testing.T) {
	t.Parallel()
	rows, err := codecOf(t, someLoad, 1).Unpack(5, sealedChunk(t))
	want := []Row{{Line: 2, Request: user("a@example.com")}}
	if err != nil || written(rows) != written(want) {
		t.Errorf("unpacked something else, error %v", err)
	}
}

// FuzzUnpackSealed must never panic, whatever stands in the header.
func FuzzUnpackSealed(f *testing.F) {
	codec, chunk := codecOf(f, someLoad, 1), sealedChunk(f)
	f.Add(chunk, int64(5))
	f.Add(chunk[:headerBytes], int64(5))
	f.Add(chunk, int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, number int64) {
		rows, err := codec.Unpack(number, data)
		if err == nil && len(data) > 0 && data[0] == versionSealed && !bytes.Equal(data, chunk) {
			t.Fatalf("%d rows of a forged chunk", len(rows))
		}
	})
}

// FuzzUnpackOne is of the single rows of standing campaigns: bytes as somebody
// else may have left them, and, sealed with the key so that they come beyond it,
// as a version of rekey with a bug may have.
func FuzzUnpackOne(f *testing.F) {
	codec := codecOf(f, someLoad, 1)
	rows := readAll(f, "username,client_metadata.k\na@example.com,1\nb,2\n", Options{})
	f.Add(sealedChunk(f), int64(5), false)
	f.Add(appendChunk(nil, rows[:1]), int64(7), true)
	f.Add(appendChunk(nil, rows), int64(7), true)
	f.Fuzz(func(t *testing.T, data []byte, number int64, ours bool) {
		if ours {
			data = codec.sealing.seal(number, compressed(t, data))
		}
		row, err := codec.UnpackOne(number, data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.As(err, new(ErrNoKey)) {
				t.Fatalf("neither damaged nor without a key: %v", err)
			}
			return
		}
		if _, err := codec.UnpackOne(number+1, data); err == nil && data[0] == versionSealed {
			t.Fatal("it is taken in another's place")
		}
		sealed, err := codec.PackOne(number, row)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := codec.UnpackOne(number, sealed); err != nil || written([]Row{again}) != written([]Row{row}) {
			t.Fatalf("the row changes when it is packed again, error %v", err)
		}
	})
}
