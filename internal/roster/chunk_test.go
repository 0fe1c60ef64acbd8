package roster

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
	"pgregory.net/rapid"
)

// rowsOf draws rows of any content, damaged text and strange lines included.
func rowsOf(t *rapid.T) []Row {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	personal := rapid.Map(text, reset.Hide)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Row {
		return Row{Line: rapid.Int64().Draw(t, "line"), Request: reset.Request{
			Username:            personal.Draw(t, "username"),
			AnalyticsEndpointID: personal.Draw(t, "analytics"),
			ClientMetadata:      rapid.MapOfN(text, personal, 0, 5).Draw(t, "metadata"),
			UserContext: reset.UserContext{IPAddress: personal.Draw(t, "ip"),
				EncodedData: personal.Draw(t, "encoded")},
		}}
	}), 1, 30).Draw(t, "rows")
}

// written writes rows out, so that they can be compared: two Personals of the
// same text are not equal.
func written(rows []Row) string {
	var b []byte
	for _, r := range rows {
		b = appendRow(b, r)
	}
	return string(b)
}

func TestWhatWasPackedIsUnpacked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rowsOf(t)
		chunk, err := Pack(rows)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Pack(rows)
		if !bytes.Equal(chunk, again) {
			t.Fatal("the same rows make other bytes")
		}
		got, err := Unpack(chunk)
		if err != nil || written(got) != written(rows) {
			t.Fatalf("unpacked something else, error %v", err)
		}
		one, err := new(Codec).PackOne(0, rows[0])
		if err != nil {
			t.Fatal(err)
		}
		row, err := new(Codec).UnpackOne(0, one)
		if err != nil || written([]Row{row}) != written(rows[:1]) {
			t.Fatalf("unpacked another row, error %v", err)
		}
	})
}

// Two lists that differ must not be taken for the same: a text must not be able
// to move from one parameter to the next.
func TestRowsAreWrittenInAFormThatNoTwoListsShare(t *testing.T) {
	t.Parallel()
	row := func(line int64, username, analytics, ip, encoded string, metadata ...string) Row {
		r := Row{line, user(username)}
		r.Request.AnalyticsEndpointID = reset.Hide(analytics)
		r.Request.UserContext = reset.UserContext{IPAddress: reset.Hide(ip), EncodedData: reset.Hide(encoded)}
		r.Request.ClientMetadata = map[string]reset.Personal{}
		for i := 0; i < len(metadata); i += 2 {
			r.Request.ClientMetadata[metadata[i]] = reset.Hide(metadata[i+1])
		}
		return r
	}
	forms := map[string][]Row{}
	for _, rows := range [][]Row{
		{row(1, "ab", "", "", "")}, {row(1, "a", "b", "", "")}, {row(1, "a", "", "b", "")}, {row(1, "a", "", "", "b")},
		{row(1, "a", "", "", "", "b", "")}, {row(1, "a", "", "", "", "", "b")}, {row(1, "a", "", "", "", "c", "")},
		{row(1, "a", "", "", "", "b", "c")}, {row(1, "a", "", "", "", "bc", "")}, {row(1, "a", "", "", "", "c", "b")},
		{row(1, "a", "", "", "", "b", "", "c", "")}, {row(1, "a", "", "", ""), row(1, "b", "", "", "")},
		{row(2, "ab", "", "", "")}, {row(1, "b", "", "", ""), row(1, "a", "", "", "")},
	} {
		if before, ok := forms[written(rows)]; ok {
			t.Errorf("%s and %s have one form", shown(before[0].Request), shown(rows[0].Request))
		}
		forms[written(rows)] = rows
	}
}

func TestFullChunkIsSmall(t *testing.T) {
	t.Parallel()
	rows := readAll(t, string(addresses(ChunkRows+50)), Options{})[:ChunkRows]
	chunk, err := Pack(rows)
	if err != nil {
		t.Fatal(err)
	}
	if most := 21 * ChunkRows; len(chunk) > most {
		t.Errorf("%d addresses have %d bytes, more than %d", ChunkRows, len(chunk), most)
	}
	got, err := Unpack(chunk)
	if err != nil || written(got) != written(rows) {
		t.Errorf("unpacked something else, error %v", err)
	}
}

func TestChunkThatIsTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	big := user("a")
	big.UserContext.EncodedData = reset.Hide(strings.Repeat("x", 100_000))
	many := user("a")
	many.ClientMetadata = map[string]reset.Personal{}
	for i := range maxEntries + 1 {
		many.ClientMetadata[fmt.Sprint(i)] = reset.Personal{}
	}
	for name, c := range map[string]struct {
		rows []Row
		want string
	}{
		"no rows":          {nil, "not 0"},
		"too many rows":    {make([]Row, ChunkRows+1), "not 1025"},
		"too large":        {slices.Repeat([]Row{{Line: 5, Request: big}}, ChunkRows), "line 5"},
		"too many entries": {[]Row{{Request: many}}, "1001 entries"},
	} {
		_, err := Pack(c.rows)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestDamagedChunkIsAnError(t *testing.T) {
	t.Parallel()
	rows := readAll(t, "username,client_metadata.k\na,1\nb,2\nc,3\n", Options{})
	chunk, err := Pack(rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range chunk {
		if _, err := Unpack(chunk[:i]); err == nil {
			t.Errorf("cut to %d bytes: no error", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(chunk)
			bad[i] ^= 1 << bit
			got, err := Unpack(bad)
			if err == nil && written(got) != written(rows) {
				t.Errorf("bit %d of byte %d: other rows and no error", bit, i)
			}
		}
	}
	if _, err := new(Codec).UnpackOne(0, chunk); !errors.Is(err, ErrDamaged) {
		t.Errorf("three rows as one: %v", err)
	}
	if _, err := Unpack(append([]byte{77}, chunk[1:]...)); err == nil || !strings.Contains(err.Error(), "version 77") {
		t.Errorf("another version: %v", err)
	}
}

// compressed makes a chunk of any plain text.
func compressed(t testing.TB, plain []byte) []byte {
	t.Helper()
	enc, err := encoder()
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(plain, []byte{versionZstd})
}

func TestChunkThatLiesIsAnError(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte{0xff}, 20)
	for name, plain := range map[string][]byte{
		"nothing":                  {},
		"no rows":                  {0},
		"more rows than may be":    {0x81, 0x08},
		"a number without end":     long,
		"lines missing":            {2, 2},
		"a length beyond the end":  {1, 2, 200, 1},
		"a length beyond all":      append([]byte{1, 2}, long...),
		"entries beyond the end":   {1, 2, 1, 0, 0, 0, 'a', 0xe8, 0x07},
		"more entries than may be": {1, 2, 1, 'a', 0, 0, 0, 0xe9, 0x07},
		"something left over":      {1, 2, 1, 'a', 0, 0, 0, 0, 0},
	} {
		if rows, err := Unpack(compressed(t, plain)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %d rows, error %v", name, len(rows), err)
		}
	}
	if _, err := Unpack(compressed(t, []byte{1, 2, 1, 'a', 0, 0, 0, 0})); err != nil {
		t.Errorf("the smallest chunk: %v", err)
	}
}

func TestChunkBombIsRefused(t *testing.T) {
	bomb := compressed(t, make([]byte, 2*maxChunk))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Unpack(bomb)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 3*maxChunk {
		t.Errorf("a bomb of %d bytes took %d MiB", len(bomb), used>>20)
	}
}

func TestLinesMayBeAnything(t *testing.T) {
	t.Parallel()
	rows := []Row{{Line: math.MaxInt64}, {Line: math.MinInt64}, {Line: 0}, {Line: -1}}
	chunk, err := Pack(rows)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unpack(chunk)
	if err != nil || written(got) != written(rows) {
		t.Errorf("%v, error %v", got, err)
	}
}
