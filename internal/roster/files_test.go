package roster

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// logged is a file of a load that notes when it is opened and closed.
type logged struct {
	io.Reader
	log      *[]string
	name     string
	closeErr error
}

func (t logged) Close() error {
	*t.log = append(*t.log, "close "+t.name)
	return t.closeErr
}

// several makes files of names and contents, in turn.
func several(log *[]string, namesAndContents ...string) (all []File) {
	for pair := range slices.Chunk(namesAndContents, 2) {
		all = append(all, File{Name: pair[0], Open: func() (io.ReadCloser, error) {
			*log = append(*log, "open "+pair[0])
			return logged{Reader: strings.NewReader(pair[1]), log: log, name: pair[0]}, nil
		}})
	}
	return all
}

func openAll(t *testing.T, o Options, all []File) *Reader {
	t.Helper()
	r, err := OpenFiles(o, all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEachFileHasItsOwnFormatAndLines(t *testing.T) {
	t.Parallel()
	var log []string
	var rejects []Reject
	all := several(&log, "a.csv", "username,name\nanna,x\nb b,x\n", "b.ndjson", `{"username":"carl","tag":1}`+"\n"+`{"username":"ANNA"}`+"\n",
		"c.gz", string(gzipped(t, []byte("city;USERNAME\r\nx;dora\r\n\r\nx;carl"))), "d.csv", "\xef\xbb\xbfcognito:username\nemil")
	r := openAll(t, Options{Rejects: collect(&rejects)}, all)
	rows := drain(t, r)
	if got := usernames(rows); !slices.Equal(got, []string{"anna", "carl", "dora", "emil"}) {
		t.Errorf("read %q", got)
	}
	if rows[0].Line != 2 || rows[1].Line != 1 || rows[2].Line != 2 || rows[3].Line != 2 {
		t.Errorf("lines %d, %d, %d, %d", rows[0].Line, rows[1].Line, rows[2].Line, rows[3].Line)
	}
	var told []string
	for _, reject := range rejects {
		told = append(told, strings.TrimSpace(strings.Join([]string{reject.File, reject.Reason}, " ")))
	}
	again := "duplicate: the user is in an earlier line or file"
	if !slices.Equal(told, []string{"a.csv username has a space at position 2", "b.ndjson " + again, "c.gz " + again}) {
		t.Errorf("rejected %q", told)
	}
	s := r.Stats()
	if !slices.Equal(s.Columns, []string{"username", "USERNAME", "cognito:username"}) || !slices.Equal(s.UsernameColumns, s.Columns) || !slices.Equal(s.IgnoredColumns, []string{"name", "tag", "city"}) {
		t.Errorf("used %q, ignored %q", s.Columns, s.IgnoredColumns)
	}
	checkCounts(t, s, 4, 3)
}

func TestFilesThatNameUsersDifferentlyAreNoList(t *testing.T) {
	t.Parallel()
	byName, byMail := "email,username\na@x.org,anna\n", "email\na@x.org\n"
	for _, c := range []struct {
		options Options
		second  string
		want    string
	}{
		{Options{}, byMail, "mb.csv: the usernames are in column email, those of ma.csv in column username: a user by two names would get two codes."},
		{Options{UsernameColumn: "email"}, byMail, ""},
		{Options{}, `{"Username":"carl"}` + "\n", ""},
		{Options{}, "cognito:username,cognito:mfa_enabled\ncarl,FALSE\n", ""},
		{Options{NoHeader: true}, "carl\n", ""},
	} {
		var log []string
		r := openAll(t, c.options, several(&log, "ma.csv", byName, "mb.csv", c.second))
		var err error
		for _, e := range r.Rows() {
			err = e
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.options, err, c.want)
		}
		if last := log[len(log)-1]; last != "close mb.csv" {
			t.Errorf("%+v: it ends with %s", c.options, last)
		}
	}
}

func TestAFileIsOpenedWhenTheOneBeforeIsClosed(t *testing.T) {
	t.Parallel()
	var log []string
	r := openAll(t, Options{}, several(&log, "a", "email\na\n", "b", "email\nb\n", "c", "email\nc\n"))
	for row := range r.Rows() {
		if row.Request.Username.Reveal() == "b" {
			break
		}
	}
	if got := strings.Join(log, ", "); got != "open a, close a, open b" {
		t.Errorf("with the first row of b: %s", got)
	}
	if err := r.Close(); err != nil || log[len(log)-1] != "close b" {
		t.Errorf("after Close: %v, %q", err, log)
	}
	if got := drain(t, r); len(got) != 0 {
		t.Errorf("after Close: %d rows", len(got))
	}
}

func TestTheOrderOfFilesIsPartOfTheContent(t *testing.T) {
	t.Parallel()
	digest := func(namesAndContents ...string) [32]byte {
		var log []string
		r := openAll(t, Options{}, several(&log, namesAndContents...))
		drain(t, r)
		return r.Stats().Digest
	}
	const a, b = "email\na\n", "email\nb\n"
	want := digest("1", a, "2", b)
	if digest("x", a, "y", string(gzipped(t, []byte(b)))) != want {
		t.Error("names and compression of the files change the digest")
	}
	if digest("2", b, "1", a) == want {
		t.Error("the order does not change the digest")
	}
	if digest("1", "email\na\nb\n") == want {
		t.Error("one file with other lines has the same digest")
	}
}

func TestAnErrorNamesTheFile(t *testing.T) {
	t.Parallel()
	broken := errors.New("it was written to")
	for want, last := range map[string]File{
		"bad.csv: no column for the username: looked for": {Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("city\nHamburg\n")), nil
		}},
		"bad.csv: the file is empty": {Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }},
		"bad.csv: line 2 is longer than": {Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("email\n" + strings.Repeat("x", MaxRecord+1))), nil
		}},
		"bad.csv: line 1: the file is cut off": {Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(string(gzipped(t, []byte("email\nanna\n"))[:20]))), nil
		}},
		"bad.csv: it was written to": {Open: func() (io.ReadCloser, error) {
			return logged{Reader: strings.NewReader("email\nanna\n"), log: new([]string), closeErr: broken}, nil
		}},
		"there is no file bad.csv": {Open: func() (io.ReadCloser, error) { return nil, errors.New("there is no file bad.csv") }},
	} {
		last.Name = "bad.csv"
		r := openAll(t, Options{}, append(several(new([]string), "a.csv", "email\na\n"), last))
		var err error
		for _, err = range r.Rows() {
			if err != nil {
				break
			}
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if r.Stats().Digest != [32]byte{} {
			t.Errorf("%s: a digest of what was not read to its end", want)
		}
	}
}

func TestRejectsOfSeveralFilesNameTheFileBehindTheOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.rejects.csv")
	w := NewRejectWriter(path)
	w.Files = true
	drain(t, openAll(t, Options{Rejects: w.Write}, several(new([]string), "a.csv", "email\na\nb b\n", "b.csv", "email\nA\n")))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "line,reason,row,file\n3,username has a space at position 2,b b,a.csv\n" +
		"2,duplicate: the user is in an earlier line or file,A,b.csv\n"
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
