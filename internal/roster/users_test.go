package roster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

func packed(t testing.TB, rows []Row) []byte {
	t.Helper()
	chunk, err := Pack(rows)
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

func TestUsersAreThoseOfTheRows(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"names alone":     "username\nanna\nbob\n\n\nÉmile\nd\n",
		"with parameters": "username,client_metadata.k,ip_address,encoded_data\na,1,x,y\nb,,,\nc,3,y,\n",
		"one":             "username\na\n",
	} {
		rows := readAll(t, file, Options{})
		users, err := new(Codec).Users(0, packed(t, rows))
		if err != nil || users.Len() != len(rows) {
			t.Fatalf("%s: %d users of %d rows, %v", name, users.Len(), len(rows), err)
		}
		for i, row := range rows {
			if users.Line(i) != row.Line || users.Username(i).Reveal() != row.Request.Username.Reveal() {
				t.Errorf("%s: row %d is %q of line %d", name, i, users.Username(i).Reveal(), users.Line(i))
			}
		}
	}
}

func TestUsersStayWhenOthersAreUnpacked(t *testing.T) {
	t.Parallel()
	users, err := new(Codec).Users(0, packed(t, readAll(t, "username\nanna\nbob\n", Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := new(Codec).Users(0, packed(t, readAll(t, "username\nxxxx\nyyy\n", Options{}))); err != nil {
		t.Fatal(err)
	}
	if got := users.Username(0).Reveal() + users.Username(1).Reveal(); got != "annabob" || users.Line(1) != 3 {
		t.Errorf("the users are %s now", got)
	}
}

// The names fold to ASCII, to other letters, to more of them, or not at all.
var namesAlike = []string{
	"anna", "ANNA", "Anna1", "straße", "STRASSE", "strasse", "Émile", "émile", "emile", "\u212Aelvin", "kelvin", "Kelvin",
	"\u017Fam", "sam", "\u1E9E", "ss", "\uFB01x", "FIX", "\u0130", "i\u0307", "ΣΊΣΥΦΟΣ", "σίσυφος", "annA@EXAMPLE.com", "x", "Ꭰ", "ꭰ",
	"eight888", "EIGHT888", "eight88é", "a-name-that-is-rather-long@example.com",
}

func TestASearchComparesAsThePoolDoes(t *testing.T) {
	t.Parallel()
	for _, caseSensitive := range []bool{false, true} {
		for _, wanted := range append(slices.Clone(namesAlike), "nobody", "annaanna") {
			search := NewSearch(reset.Hide(wanted), caseSensitive)
			// All of them in one chunk, and each in its own.
			for _, names := range append([][]string{namesAlike}, chunksOfOne(namesAlike)...) {
				rows := make([]Row, len(names))
				var want []int
				for i, name := range names {
					rows[i] = Row{Line: int64(i + 2), Request: user(name)}
					if Fold(name, caseSensitive) == Fold(wanted, caseSensitive) {
						want = append(want, i)
					}
				}
				got, n, err := search.In(new(Codec), 0, packed(t, rows))
				if !slices.Equal(got, want) || n != len(rows) || err != nil {
					t.Errorf("%q among %q, case-sensitive %v: %v of %d, %v; want %v", wanted, names, caseSensitive, got, n, err, want)
				}
			}
		}
	}
}

func chunksOfOne(names []string) (chunks [][]string) {
	for _, name := range names {
		chunks = append(chunks, []string{name})
	}
	return chunks
}

func TestUsersOfADamagedChunkAreAnError(t *testing.T) {
	t.Parallel()
	chunk := packed(t, readAll(t, "username\nanna\nbob\n", Options{}))
	search := NewSearch(reset.Hide("anna"), false)
	for name, damaged := range map[string][]byte{
		"empty": nil, "cut off": chunk[:len(chunk)-3], "other bytes": []byte("\x01damage"),
		"no rows":           compressed(t, []byte{0}),
		"too many rows":     compressed(t, []byte{0x81, 0x08}),
		"lines missing":     compressed(t, []byte{3, 2}),
		"lengths missing":   compressed(t, []byte{2, 2, 2, 4}),
		"texts missing":     compressed(t, []byte{2, 2, 2, 4, 4, 'a'}),
		"a length too long": compressed(t, []byte{1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}),
	} {
		if _, err := new(Codec).Users(0, damaged); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := search.In(new(Codec), 0, damaged); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s, searched: %v", name, err)
		}
	}
	if _, err := new(Codec).Users(0, []byte{9, 1}); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("another version: %v", err)
	}
}
