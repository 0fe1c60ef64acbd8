package roster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// person stands in files where a user would; no error may show it.
const person = "alice.person@example.com"

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte, o ...zstd.EOption) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// parallel is what pzstd writes: in front of each frame one to be skipped, with
// the other's size.
func parallel(t testing.TB, b []byte) []byte {
	t.Helper()
	var out []byte
	for part := range slices.Chunk(b, (len(b)+1)/2) {
		frame := zstandard(t, part)
		out = append(out, "\x50\x2a\x4d\x18\x04\x00\x00\x00"...)
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(frame))), frame...)
	}
	return out
}

// streamed is compressed without knowing its size.
func streamed(t testing.TB, b []byte, window int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(b)
	if err := errors.Join(err, z.Flush(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	list := []byte("username\n" + person + "\n")
	cut := gzipped(t, bytes.Repeat([]byte("username\n"+person+"\n"), 9))
	long := bytes.Repeat([]byte("username\n"), 1<<20)
	wide := strings.Repeat("a,", MaxColumns) + "username\n" + person + "\n"
	for name, c := range map[string]struct {
		file string
		o    Options
		want string // part of the error
	}{
		"empty":                       {"", Options{}, "empty"},
		"blank lines only":            {"\n\r\n\n", Options{}, "empty"},
		"a mark only":                 {bom, Options{}, "empty"},
		"header only":                 {"username,x\n\n", Options{}, "a header and no rows"},
		"no username column":          {"id,name\n1,2\n", Options{}, "the header has id, name. Name the column with --username-column"},
		"column that is not there":    {"id,username\n1,2\n", Options{UsernameColumn: "login"}, "looked for login; the header has id, username"},
		"no header said, and none":    {person + ",x\n" + person + ",y\n", Options{}, "--no-header"},
		"username twice":              {"username,username\na,b\n", Options{}, "columns 1 and 2"},
		"username twice but for case": {"Username,USERNAME\na,b\n", Options{}, "columns 1 and 2"},
		"parameter twice":             {"username,ip_address,IP_ADDRESS\na,b,c\n", Options{}, "ip_address twice"},
		"metadata twice":              {"username,client_metadata.k,client_metadata.k\na,b,c\n", Options{}, "twice"},
		"metadata without a key":      {"username,client_metadata.\na,b\n", Options{}, "without a key"},
		"no header and a column":      {"a\n", Options{NoHeader: true, UsernameColumn: "x"}, "exclude each other"},
		"UTF-16, little endian":       {"\xff\xfeu\x00s\x00", Options{}, "UTF-16"},
		"UTF-16, big endian":          {"\xfe\xff\x00u\x00s", Options{}, "UTF-16"},
		"UTF-16 without a mark":       {"u\x00s\x00e\x00r\x00n\x00a\x00m\x00e\x00\n\x00a\x00\n\x00", Options{}, "UTF-16"},
		"Latin-1 header":              {"username,stra\xdfe\na,b\n", Options{}, "UTF-8 in column 2"},
		"old Mac line ends":           {"username\r" + person + "\r", Options{}, "carriage return"},
		"control character in header": {"username,\x1b[31m\na,b\n", Options{}, "control character in column 2"},
		"header's quote not closed":   {"\"username\n" + person + "\n", Options{}, "first line has a quote in column 1 that is never closed"},
		"spreadsheet":                 {"PK\x03\x04xxxx", Options{}, "CSV"},
		"xz":                          {"\xfd7zXZ\x00", Options{}, "xz"},
		"compressed twice":            {string(gzipped(t, zstandard(t, list))), Options{}, "twice"},
		"gzip that is none":           {"\x1f\x8bhello", Options{}, "begins like gzip"},
		"gzip cut off":                {string(cut[:len(cut)-6]), Options{}, "cut off"},
		"gzip damaged":                {string(damaged(gzipped(t, list))), Options{}, "gzip"},
		"zstd cut off":                {string(zstandard(t, list)[:12]), Options{}, "cut off"},
		"pzstd, compressed twice":     {string(gzipped(t, parallel(t, list))), Options{}, "twice"},
		"pzstd cut off":               {string(parallel(t, list)[:30]), Options{}, "cut off"},
		"zstd --long":                 {string(zstandard(t, long, zstd.WithWindowSize(16<<20))), Options{}, "this zstd file needs a window of more than 8 MB"},
		"zstd --long from a pipe":     {string(streamed(t, list, 16<<20)), Options{}, "pack it again without --long"},
		"zstd and something else":     {string(zstandard(t, list)) + "username\n", Options{}, "behind its end the file goes on with something that is not zstd"},
		"gzip and a line end":         {string(gzipped(t, list)) + "\n", Options{}, "behind its end the file goes on with something that is not gzip"},
		"gzip and a few bytes":        {string(gzipped(t, list)) + "abc", Options{}, "behind its end the file goes on"},
		"gzip and many bytes":         {string(gzipped(t, list)) + strings.Repeat("\x00", 512), Options{}, "behind its end the file goes on"},
		"a second gzip cut off":       {string(gzipped(t, list)) + string(cut[:1]), Options{}, "cut off"},
		"a second gzip's head only":   {string(gzipped(t, list)) + string(cut[:4]), Options{}, "cut off"},
		"too many columns":            {wide, Options{}, "more than 1000 columns"},
		"too many columns, no header": {wide, Options{NoHeader: true}, "more than 1000 columns"},
		"long header":                 {strings.Repeat("x", MaxRecord+1), Options{}, "line 1 is longer than"},
		"JSON array":                  {"[\n{\"username\":\"a\"}\n]\n", Options{}, "JSON array"},
		"JSON over several lines":     {"{\n\"username\":\"" + person + "\"\n}\n", Options{}, "line 1 is not valid JSON"},
		"NDJSON without username":     {`{"email":"` + person + `","` + person + `":1}` + "\n", Options{}, "--username-column"},
		"NDJSON, another username":    {`{"username":"` + person + `"}` + "\n", Options{UsernameColumn: "login"}, "looked for login"},
	} {
		err := readErr(strings.NewReader(c.file), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, it should say %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), person) {
			t.Errorf("%s: the error shows a person: %v", name, err)
		}
	}
}

// readErr reads to the end and returns what stopped it.
func readErr(file io.Reader, o Options) error {
	r, err := NewReader(file, o)
	if err != nil {
		return err
	}
	for _, err := range r.Rows() {
		if err != nil {
			if r.Stats().Digest != [32]byte{} {
				return errors.New("a file that was not read to its end has a digest")
			}
			return err
		}
	}
	return nil
}

// damaged turns a bit of the checksum.
func damaged(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-7] ^= 1
	return b
}

func TestEmptyIsTold(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "username\n"} {
		if err := readErr(strings.NewReader(file), Options{}); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v is not ErrEmpty", file, err)
		}
	}
}

func TestDirectoryIsTold(t *testing.T) {
	t.Parallel()
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := readErr(f, Options{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: %v", err)
	}
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// endless repeats a text for ever.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	return len(p), nil
}

func TestBombsAreRefusedEarly(t *testing.T) {
	t.Parallel()
	after := func(head, text string) io.Reader {
		return io.MultiReader(strings.NewReader(head), &endless{text: text})
	}
	for name, bomb := range map[string]io.Reader{
		"a header without end":    after("", "x"),
		"a million columns":       after("", "x,"),
		"a line without end":      after("username\na\n", "x"),
		"columns without end":     after("username,x\na,1\n", "x,"),
		"NDJSON without end":      after("{\"username\":\"a\"}\n{\"username\":\"", "x"),
		"nothing but zeroes":      after("", "\x00"),
		"a line end at 1 MiB + 2": after("", strings.Repeat("x", MaxRecord+1)+"\n"),
	} {
		c := &counter{r: bomb}
		if err := readErr(c, Options{}); err == nil || !strings.Contains(err.Error(), "is longer than 1048576 bytes") {
			t.Errorf("%s: %v", name, err)
		}
		if c.n > 2*MaxRecord+firstBuffer {
			t.Errorf("%s: refused after %d bytes", name, c.n)
		}
	}
}

// The bound of a row must not depend on how the file arrives.
func TestRowAtItsBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, rows int }{{MaxRecord, 3}, {MaxRecord + 1, 2}} {
		row := "b,\"" + strings.Repeat("\n", c.size-5) + "\"\n"
		file := "username,x\na,1\n" + row + "c,1\n"
		for _, r := range []io.Reader{strings.NewReader(file), &few{strings.NewReader(file)}} {
			reader, err := NewReader(r, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if rows := drain(t, reader); len(rows) != c.rows {
				t.Errorf("a row of %d bytes: %d rows and %+v", len(row), len(rows), reader.Stats())
			}
		}
	}
}

func TestGzipBombIsRefusedEarly(t *testing.T) {
	t.Parallel()
	zeroes := make([]byte, 16<<20)
	for name, bomb := range map[string][]byte{"gzip": gzipped(t, zeroes), "zstd": zstandard(t, zeroes)} {
		c := &counter{r: iotest.OneByteReader(bytes.NewReader(bomb))}
		if err := readErr(c, Options{}); err == nil || !strings.Contains(err.Error(), "longer") {
			t.Errorf("%s: %v", name, err)
		}
		if c.n > len(bomb)/2+100 {
			t.Errorf("%s: read %d of %d bytes", name, c.n, len(bomb))
		}
	}
}

func TestStreamThatBreaksOffIsAnErrorAndYieldsNoHalfRow(t *testing.T) {
	t.Parallel()
	broken := errors.New("the cable is out")
	file := io.MultiReader(strings.NewReader("username\nab\ncd"), iotest.ErrReader(broken))
	r, err := NewReader(file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, rowErr := range r.Rows() {
		if err = rowErr; err == nil {
			got = append(got, row.Request.Username.Reveal())
		}
	}
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 3") || fmt.Sprint(got) != "[ab]" {
		t.Errorf("rows %q, error %v", got, err)
	}
}

func TestReaderThatDoesNothingIsAnError(t *testing.T) {
	t.Parallel()
	if err := readErr(stuck{}, Options{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }
