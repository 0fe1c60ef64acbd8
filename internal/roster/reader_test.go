package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestUserIsReadOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names     string
		sensitive bool
		want      []string
	}{
		"case":                           {"Bob,bob,BOB,bobby", false, []string{"Bob", "bobby"}},
		"case, in a case-sensitive pool": {"Bob,bob,BOB,Bob", true, []string{"Bob", "bob", "BOB"}},
		"sharp s":                        {"straße,STRASSE,strasse", false, []string{"straße"}},
		"Kelvin sign":                    {"K,k,K", false, []string{"K"}},
		"final sigma":                    {"ΟΔΟΣ,οδος,οδοσ", false, []string{"ΟΔΟΣ"}},
		"accents are not case":           {"jose,josé,JOSÉ", false, []string{"jose", "josé"}},
	} {
		var rejects []Reject
		file := strings.ReplaceAll(c.names, ",", "\n")
		r, err := NewReader(strings.NewReader(file), Options{NoHeader: true, CaseSensitive: c.sensitive, Rejects: collect(&rejects)})
		if err != nil {
			t.Fatal(err)
		}
		got := usernames(drain(t, r))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: read %q, want %q", name, got, c.want)
		}
		checkCounts(t, r.Stats(), len(got), len(rejects))
		for _, reject := range rejects {
			if !reject.Duplicate {
				t.Errorf("%s: %v is not marked as a duplicate", name, reject)
			}
		}
	}
}

// Otherwise a user whose first row is bad would get no code at all.
func TestRejectedRowDoesNotMakeALaterOneADuplicate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxString+1)
	got := readAll(t, "username,client_metadata.k\na,"+long+"\na,ok\n", Options{})
	if len(got) != 1 || got[0].Line != 3 {
		t.Errorf("read %v", got)
	}
}

func TestCompressionAndSmallReadsChangeNothing(t *testing.T) {
	t.Parallel()
	plain := []byte("\xef\xbb\xbfusername,client_metadata.k\r\na,\"1\r\n\"\"2\"\r\n\r\nb,3\r\na b,\nA,4\n\"c\",\"5\"\r")
	digest := [32]byte{}
	for name, file := range map[string]io.Reader{
		"plain":           bytes.NewReader(plain),
		"gzip":            bytes.NewReader(gzipped(t, plain)),
		"two gzip files":  bytes.NewReader(append(gzipped(t, plain[:30]), gzipped(t, plain[30:])...)),
		"zstd":            bytes.NewReader(zstandard(t, plain)),
		"pzstd":           bytes.NewReader(parallel(t, plain)),
		"pzstd, bytewise": iotest.OneByteReader(bytes.NewReader(parallel(t, plain))),
		"zstd, skipping":  bytes.NewReader(append([]byte("\x5f\x2a\x4d\x18\x00\x00\x00\x00"), zstandard(t, plain)...)),
		"8 MB of window":  bytes.NewReader(streamed(t, plain, 8<<20)),
		"two zstd frames": bytes.NewReader(append(zstandard(t, plain[:30]), zstandard(t, plain[30:])...)),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(plain)),
		"end with data":   iotest.DataErrReader(bytes.NewReader(plain)),
		"gzip, byte-wise": iotest.OneByteReader(bytes.NewReader(gzipped(t, plain))),
	} {
		r, err := NewReader(file, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := usernames(drain(t, r))
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%s: read %q", name, got)
		}
		if digest == [32]byte{} {
			digest = r.Stats().Digest
		}
		if r.Stats().Digest != digest {
			t.Errorf("%s: another digest", name)
		}
	}
}

func digestOf(t *testing.T, file string, o Options) [32]byte {
	t.Helper()
	r, err := NewReader(strings.NewReader(file), o)
	if err != nil {
		t.Fatal(err)
	}
	drain(t, r)
	return r.Stats().Digest
}

func TestDigestIsOfTheContentThatMatters(t *testing.T) {
	t.Parallel()
	const file = "username,client_metadata.k,client_metadata.l\na,1,2\nb,,3\n"
	want := digestOf(t, file, Options{})
	same := map[string]string{
		"quoted":          "\"username\",client_metadata.k,\"client_metadata.l\"\n\"a\",\"1\",2\nb,,\"3\"\n",
		"another order":   "client_metadata.l,username,client_metadata.k\r\n2,a,1\r\n3,b,\r\n",
		"another column":  "name,username,client_metadata.k,client_metadata.l\nx,a,1,2\ny,b,,3\n",
		"bad row at end":  file + "c c,1,2\n",
		"duplicate at it": file + "A,1,2\n",
	}
	for name, f := range same {
		if digestOf(t, f, Options{}) != want {
			t.Errorf("%s: the digest differs", name)
		}
	}
	for name, f := range map[string]string{
		"a name":            strings.Replace(file, "b,", "c,", 1),
		"a name's case":     strings.Replace(file, "b,", "B,", 1),
		"a parameter":       strings.Replace(file, "3", "4", 1),
		"a parameter's key": strings.Replace(file, "client_metadata.k", "client_metadata.m", 1),
		"one row less":      strings.Replace(file, "b,,3\n", "", 1),
		"one row more":      file + "c,1,2\n",
		"the order":         "username,client_metadata.k,client_metadata.l\nb,,3\na,1,2\n",
		"a line":            strings.Replace(file, "\nb", "\n\nb", 1),
		"a border":          strings.Replace(file, "a,1,2", "a,12,", 1),
	} {
		if digestOf(t, f, Options{}) == want {
			t.Errorf("%s: the digest is the same", name)
		}
	}
	if digestOf(t, file, Options{CaseSensitive: true}) == want {
		t.Error("case: the digest is the same")
	}
	if digestOf(t, file, Options{Defaults: user("")}) != want {
		t.Error("no defaults: the digest differs")
	}
}

func TestRejectsErrorEndsTheReading(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, file := range []string{"username\na\na b\nc\n", "username\na\na\nc\n"} {
		err := readErr(strings.NewReader(file), Options{Rejects: func(Reject) error { return full }})
		if !errors.Is(err, full) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestReadingCanBeInterruptedAndGoOn(t *testing.T) {
	t.Parallel()
	r, err := NewReader(strings.NewReader("username\na\nb\nc\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for row := range r.Rows() {
		if row.Line != 2 {
			t.Fatalf("began at line %d", row.Line)
		}
		break
	}
	if r.Stats().Digest != [32]byte{} {
		t.Error("a digest before the end")
	}
	if got := usernames(drain(t, r)); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("went on with %q", got)
	}
	if got := drain(t, r); len(got) != 0 || r.Stats().Users != 3 {
		t.Errorf("after the end: %d rows, %+v", len(got), r.Stats())
	}
}

func TestRowsOutliveTheBuffer(t *testing.T) {
	t.Parallel()
	data := string(addresses(20_000)) // several buffers full
	got := usernames(readAll(t, data, Options{}))
	var want []string
	for line := range strings.Lines(data) {
		name, _, _ := strings.Cut(line, ",")
		want = append(want, name)
	}
	want = want[1:]
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, slices.Compact(want)) {
		t.Error("the rows that were kept are not those of the file")
	}
}

func TestBadDefaultsAreToldBeforeAnyRow(t *testing.T) {
	t.Parallel()
	bad := reset.Request{UserContext: reset.UserContext{EncodedData: reset.Hide("\xff" + person)}}
	err := readErr(strings.NewReader("username\na\n"), Options{Defaults: bad})
	if err == nil || err.Error() != "the parameters for every row: encoded_data is not valid UTF-8" {
		t.Errorf("error %v", err)
	}
}

func TestNoReasonAndNoStatisticShowsAPerson(t *testing.T) {
	t.Parallel()
	csvFile := "username,ip_address," + person + "\n" +
		"\xff" + person + ",1,2\n" + person + " ,1,2\n" + person + "\n" + person + ",\"1" + person + "\n" +
		person + ",1\"" + person + ",2\n\"" + person + "\"x,1,2\n" + person + ",\"" + person + "\n" + person + ",1,2\",2\n" +
		person + ",1,2\n" + strings.ToUpper(person) + ",1,2\n" + strings.Repeat(person, 9) + ",1,2\n"
	jsonFile := `{"username":"x"}` + "\n" + `{"username":"` + person + `"` + "\n" + `{"username":["` + person + `"]}` + "\n" +
		`{"` + person + `":1}` + "\n" + `{"username":"x2","client_metadata":{"` + person + `":1}}` + "\n" +
		`{"username":"x3","user_context":{"` + person + `":1}}` + "\n" + `{"username":"` + person + ` \ud800"}` + "\n"
	for _, file := range []string{csvFile, jsonFile} {
		var rejects []Reject
		r, err := NewReader(strings.NewReader(file), Options{Rejects: collect(&rejects)})
		if err != nil {
			t.Fatal(err)
		}
		drain(t, r)
		if len(rejects) < 5 {
			t.Errorf("only %v", rejects)
		}
		if text := strings.ToLower(fmt.Sprint(rejects, r.Stats())); strings.Contains(text, "person@") {
			t.Errorf("shown: %s", text)
		}
	}
}
