package roster

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestNDJSONRowHasItsParameters(t *testing.T) {
	t.Parallel()
	defaults := reset.Request{ClientMetadata: map[string]reset.Personal{"source": reset.Hide("breach"), "lang": reset.Hide("en")},
		AnalyticsEndpointID: reset.Hide("default-endpoint")}
	file := `{"username":"a","client_metadata":{"lang":"de"},"analytics_endpoint_id":"own","user_context":{"ip_address":"192.0.2.9","encoded_data":"d"}}
{ "username" : "b" , "client_metadata" : null, "user_context":{"ip_address":null} }
	{"username":"c","client_metadata":{"lang":"","n":null},"analytics_endpoint_id":""}` + " \r\n\n" +
		`{"username":"\u00fc\"\\\ud83d\ude42"}`
	var rejects []Reject
	rows := readAll(t, file, Options{Defaults: defaults, Rejects: collect(&rejects)})
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r.Line, " ", shown(r.Request)))
	}
	want := []string{
		"1 a lang=de source=breach own 192.0.2.9 d",
		"2 b lang=en source=breach default-endpoint",
		"3 c lang= source=breach",
		"5 ü\"\\🙂 lang=en source=breach default-endpoint",
	}
	if !slices.Equal(got, want) || len(rejects) > 0 {
		t.Errorf("read %q and rejected %v, want %q", got, rejects, want)
	}
}

// Each of these lines would be read by encoding/json without a word.
func TestNDJSONIsStrict(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"username":"a","username":"b"}`:                      "has a field twice",
		`{"username":"a","user\u006eame":"b"}`:                 "has a field twice",
		`{"username":"a","client_metadata":{"k":"1","k":"2"}}`: "has a field twice",
		`{"USERNAME":"a"}`:                                     "has no username",
		`{"username":null}`:                                    "has no username",
		`{"username":"\ud800"}`:                                "username has half of a surrogate pair",
		`{"username":"\udc00x"}`:                               "username has half of a surrogate pair",
		`{"username":"\ud800\ud800\udc00"}`:                    "username has half of a surrogate pair",
		`{"username":"\ud800\\udc00"}`:                         "username has half of a surrogate pair",
		"{\"username\":\"a\xff\"}":                             "is not valid UTF-8",
		`{"username":1}`:                                       "username is not a string",
		`{"username":["a"]}`:                                   "username is not a string",
		`{"username":""}`:                                      "username is empty",
		`{"username":"a b"}`:                                   "username has a space at position 2",
		`{"username":"a"} {"username":"b"}`:                    "is not valid JSON",
		`{"username":"a"},`:                                    "is not valid JSON",
		`{"username":"a"`:                                      "is not valid JSON",
		`["a"]`:                                                "is not a JSON object",
		`"a"`:                                                  "is not a JSON object",
		`null`:                                                 "is not a JSON object",
		`{"username":"a","client_metadata":"k=v"}`:             "has a client_metadata that is not an object",
		`{"username":"a","client_metadata":{"k":1}}`:           "a value of client_metadata is not a string",
		`{"username":"a","user_context":[]}`:                   "has a user_context that is not an object",
		`{"username":"a","user_context":{"ip_address":{}}}`:    "user_context.ip_address is not a string",
	} {
		var rejects []Reject
		rows := readAll(t, `{"username":"first"}`+"\n"+line+"\n"+`{"username":"last"}`, Options{Rejects: collect(&rejects)})
		if len(rejects) != 1 || rejects[0].Line != 2 || rejects[0].Reason != want || len(rows) != 2 {
			t.Errorf("%s: rejected %v, want %q", line, rejects, want)
		}
	}
}

func TestNDJSONOtherFieldsAreNamed(t *testing.T) {
	t.Parallel()
	r, err := NewReader(strings.NewReader(`{"username":"a","tags":[{"x":"}\""},"]"],"n":-1.5e3,"ok":true,"client_metadata":{}}
{"login":"b","username":"b2","user_context":{"ip_adress":"192.0.2.1"},"alice@example.com":{"username":"evil"}}
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := usernames(drain(t, r))
	s := r.Stats()
	if !slices.Equal(got, []string{"a", "b2"}) || !slices.Equal(s.Columns, []string{"username", "client_metadata"}) {
		t.Errorf("read %q from %q", got, s.Columns)
	}
	want := []string{"tags", "n", "ok", "login", "user_context.ip_adress", "a field whose name is not shown"}
	if !slices.Equal(s.IgnoredColumns, want) {
		t.Errorf("ignored %q, want %q", s.IgnoredColumns, want)
	}
}

func TestNDJSONUsernameFieldCanBeNamed(t *testing.T) {
	t.Parallel()
	rows := readAll(t, `{"username":"a","email":"e"}`, Options{UsernameColumn: "email"})
	if got := usernames(rows); !slices.Equal(got, []string{"e"}) {
		t.Errorf("read %q", got)
	}
}

func TestNDJSONWithAHugeObjectIsRejected(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"username":"a"}` + "\n" + `{"username":"b"`)
	for i := range MaxColumns + 1 {
		fmt.Fprintf(&b, `,"f%d":%d`, i, i)
	}
	b.WriteString("}\n" + `{"username":"c","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}\n")
	var rejects []Reject
	readAll(t, b.String(), Options{Rejects: collect(&rejects)})
	if len(rejects) != 2 || rejects[0].Reason != "has more than 1000 fields" || rejects[1].Reason != "is not valid JSON" {
		t.Errorf("rejected %v", rejects)
	}
}
