package roster

import (
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestHeaderSaysWhereTheUsernameIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		o    Options
		want []string
	}{
		"Cognito's own export first":    {"email,sub,username,cognito:username\ne,s,u,c\n", Options{}, []string{"c"}},
		"username before sub":           {"email,sub,username\ne,s,u\n", Options{}, []string{"u"}},
		"sub before email":              {"email,sub\ne,s\n", Options{}, []string{"s"}},
		"email before phone":            {"phone_number,email\n+49,e\n", Options{}, []string{"e"}},
		"phone alone":                   {"phone_number\n+49\n", Options{}, []string{"+49"}},
		"an export of people":           {"Name,E-Mail,Email\nn,x,e\n", Options{}, []string{"e"}},
		"the exact name wins":           {"Email,email\nE,e\n", Options{}, []string{"e"}},
		"named by the operator":         {"username,login\nu,l\n", Options{UsernameColumn: "login"}, []string{"l"}},
		"names padded with spaces":      {"id, username \n1,u\n", Options{}, []string{"u"}},
		"byte order mark":               {"\xef\xbb\xbfusername\nu\n", Options{}, []string{"u"}},
		"mark before a quoted header":   {"\xef\xbb\xbf\"username\",\"x\"\n\"u\",\"1\"\n", Options{}, []string{"u"}},
		"CRLF":                          {"username,x\r\nu,1\r\nv,2\r\n", Options{}, []string{"u", "v"}},
		"no line end at the end":        {"username\nu\nv", Options{}, []string{"u", "v"}},
		"CR at the very end":            {"username\nu\nv\r", Options{}, []string{"u", "v"}},
		"blank lines":                   {"\n\nusername\n\nu\n\r\n\nv\n\n", Options{}, []string{"u", "v"}},
		"semicolon":                     {"id;username;a,b\n1;u,v;x\n", Options{}, []string{"u,v"}},
		"tab":                           {"id\tusername\n1\tu;v,w\n", Options{}, []string{"u;v,w"}},
		"the delimiter of more columns": {"email,x;username;y\ne;u;y\n", Options{}, []string{"u"}},
		"quoted":                        {"username,x\n\"u,\"\"1\"\"\",\"\"\n", Options{}, []string{`u,"1"`}},
		"quoted line breaks":            {"username,note\nu,\"one\ntwo, and\r\nthree\"\nv,\n", Options{}, []string{"u", "v"}},
		"quoted and CRLF":               {"\"username\"\r\n\"u\"\r\n\"v\"\r\n", Options{}, []string{"u", "v"}},
		"no header":                     {"u,1\nv,2\n", Options{NoHeader: true}, []string{"u", "v"}},
		"no header, semicolon":          {"u;1,5;2,5;3,5\n", Options{NoHeader: true}, []string{"u"}},
		"no header, a comma in quotes":  {"\"u,1\";x\n", Options{NoHeader: true}, []string{"u,1"}},
		"no header, comma comes first":  {"u,a;b;c\n", Options{NoHeader: true}, []string{"u"}},
		"no header, a brace":            {"{u}\n[v]\n", Options{NoHeader: true}, []string{"{u}", "[v]"}},
	} {
		if got := usernames(readAll(t, c.file, c.o)); !slices.Equal(got, c.want) {
			t.Errorf("%s: read %q, want %q", name, got, c.want)
		}
	}
}

func TestColumnsWinOverDefaults(t *testing.T) {
	t.Parallel()
	defaults := reset.Request{
		Username:            reset.Hide("nobody"),
		ClientMetadata:      map[string]reset.Personal{"source": reset.Hide("breach"), "lang": reset.Hide("en")},
		AnalyticsEndpointID: reset.Hide("default-endpoint"),
		UserContext:         reset.UserContext{IPAddress: reset.Hide("192.0.2.1"), EncodedData: reset.Hide("default-data")},
	}
	file := "analytics_endpoint_id,username,client_metadata.lang,IP_Address,encoded_data,client_metadata.tier\n" +
		"own-endpoint,a,de,192.0.2.9,own-data,gold\n" +
		",b,,,,\n"
	rows := readAll(t, file, Options{Defaults: defaults})
	if len(rows) != 2 {
		t.Fatalf("read %d rows", len(rows))
	}
	if got, want := shown(rows[0].Request), "a lang=de source=breach tier=gold own-endpoint 192.0.2.9 own-data"; got != want {
		t.Errorf("with its own: %s, want %s", got, want)
	}
	if got, want := shown(rows[1].Request), "b lang=en source=breach default-endpoint 192.0.2.1 default-data"; got != want {
		t.Errorf("empty cells: %s, want %s", got, want)
	}
	if len(defaults.ClientMetadata) != 2 || defaults.ClientMetadata["lang"].Reveal() != "en" {
		t.Error("a row has changed the defaults")
	}
}

// shown writes a request out.
func shown(r reset.Request) string {
	words := []string{r.Username.Reveal()}
	for k, v := range r.ClientMetadata {
		words = append(words, k+"="+v.Reveal())
	}
	slices.Sort(words[1:])
	for _, p := range []reset.Personal{r.AnalyticsEndpointID, r.UserContext.IPAddress, r.UserContext.EncodedData} {
		if !p.IsZero() {
			words = append(words, p.Reveal())
		}
	}
	return strings.Join(words, " ")
}

func TestOtherColumnsAreNamed(t *testing.T) {
	t.Parallel()
	r, err := NewReader(strings.NewReader("name,username,client_metadata.k,,alice@example.com\na,b,c,d,e\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	drain(t, r)
	s := r.Stats()
	if !slices.Equal(s.Columns, []string{"username", "client_metadata.k"}) {
		t.Errorf("used: %q", s.Columns)
	}
	if !slices.Equal(s.IgnoredColumns, []string{"name", "column 4", "column 5"}) {
		t.Errorf("ignored: %q", s.IgnoredColumns)
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	var rejects []Reject
	rows := readAll(t, "\nusername,note\r\na,\"1\n2\n3\"\n\n\nb,x\nc c,x\nd,x", Options{Rejects: collect(&rejects)})
	var lines []int64
	for _, r := range rows {
		lines = append(lines, r.Line)
	}
	if !slices.Equal(lines, []int64{3, 8, 10}) || len(rejects) != 1 || rejects[0].Line != 9 {
		t.Errorf("rows in lines %v, rejects %v", lines, rejects)
	}
}

// A damaged row must cost itself and nothing else.
func TestDamagedQuotingCostsItsOwnLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file    string
		want    []string
		rejects []int64
	}{
		"never closed":                {"username,x\na,1\nb,\"2\nc,3\nd,4\n", []string{"a", "c", "d"}, []int64{3}},
		"never closed, last":          {"username,x\na,1\nb,\"2", []string{"a"}, []int64{3}},
		"closed by another row":       {"username,x\na,1\nb,\"2\nc,3\nd,\"4\"\ne,5\n", []string{"a", "c", "d", "e"}, []int64{3}},
		"text after the quote":        {"username,x\na,\"1\"1\nb,2\n", []string{"b"}, []int64{2}},
		"an inner quote":              {"username,x\na,5\" disk\nb,2\n", []string{"b"}, []int64{2}},
		"quotes not doubled":          {"username,x\na,\"say \"hi\" now\"\nb,2\n", []string{"b"}, []int64{2}},
		"space before the quote":      {"username,x\na, \"1\"\nb,2\n", []string{"b"}, []int64{2}},
		"too few columns":             {"username,x\na\nb,2\n", []string{"b"}, []int64{2}},
		"too many columns":            {"username,x\na,1,1\nb,2\n", []string{"b"}, []int64{2}},
		"rows swallowed whole":        {"username,x\na,\"1\nb,2\nc,3\"\nd,4\n", []string{"d"}, []int64{2, 3, 4}},
		"swallowed, then miscounted":  {"username,x\na,\"1\nb\n\",2,3\nd,4\n", []string{"d"}, []int64{2, 3, 4}},
		"swallowed into the username": {"username\n\"a\nb\n\"\nd\n", []string{"d"}, []int64{2, 3, 4}},
		"a quote alone":               {"username\na\n\"\nb\n", []string{"a", "b"}, []int64{3}},
	} {
		var rejects []Reject
		r, err := NewReader(strings.NewReader(c.file), Options{Rejects: collect(&rejects)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := usernames(drain(t, r))
		var lines []int64
		for _, r := range rejects {
			lines = append(lines, r.Line)
		}
		if !slices.Equal(got, c.want) || !slices.Equal(lines, c.rejects) {
			t.Errorf("%s: read %q and rejected %v, want %q and %v", name, got, rejects, c.want, c.rejects)
		}
		checkCounts(t, r.Stats(), len(got), len(rejects))
	}
}

func checkCounts(t *testing.T, s Stats, users, left int) {
	t.Helper()
	if s.Users != int64(users) || s.Rejected+s.Duplicates != int64(left) || s.Rows != s.Users+s.Rejected+s.Duplicates {
		t.Errorf("counts do not add up: %d users and %d left out were seen, stats say %+v", users, left, s)
	}
}

func TestOpenQuoteDoesNotSwallowALongFile(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("username,x\na,\"never closed\n")
	const more = 130_000 // 1.2 MiB: more than a row may have
	for range more {
		b.WriteString("b,1234567\n")
	}
	var rejects []Reject
	r, err := NewReader(strings.NewReader(b.String()), Options{Rejects: collect(&rejects)})
	if err != nil {
		t.Fatal(err)
	}
	rows := drain(t, r)
	if len(rows) != 1 || r.Stats().Duplicates != more-1 || r.Stats().Rejected != 1 || rejects[0].Line != 2 {
		t.Errorf("%d rows, %+v, first left out: %v", len(rows), r.Stats(), rejects[0])
	}
}

func TestRawRowIsAsInTheFile(t *testing.T) {
	t.Parallel()
	var rejects []Reject
	readAll(t, "username,x\r\na b,\"1\n2\"\r\na,\"1\"\r\nA,\"2\"\r\n\"\xff\",3\n", Options{Rejects: collect(&rejects)})
	var raw []string
	for _, r := range rejects {
		raw = append(raw, r.Raw.Reveal())
	}
	if want := []string{"a b,\"1\n2\"", `A,"2"`, "\"\xff\",3"}; !slices.Equal(raw, want) {
		t.Errorf("raw rows %q, want %q", raw, want)
	}
}
