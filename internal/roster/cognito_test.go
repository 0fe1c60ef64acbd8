package roster

import (
	"slices"
	"strings"
	"testing"
)

// The header is what get-csv-header answers; a comma in a value has a backslash
// before it, and nothing is quoted.
const importHeader = "name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,website,email,email_verified," +
	"gender,birthdate,zoneinfo,locale,phone_number,phone_number_verified,address,updated_at,cognito:mfa_enabled,cognito:username\n"

func TestCognitosImportFileIsRead(t *testing.T) {
	t.Parallel()
	var rejects []Reject
	file := importHeader +
		`Anna,,,,,,,,,anna@example.com,TRUE,,,,,,FALSE,1 High St\, Town\, UK,,FALSE,anna` + "\n" +
		`Bob,,,,,,,,,bob@example.com,TRUE,,,,,,FALSE,,,FALSE,bob\,the\,builder` + "\n" +
		`"Carl, the third",,,,,,,,,c@example.com,TRUE,,,,,,FALSE,2 Low St\, Town,,FALSE,carl` + "\n" +
		`Dora,,,,,,,,,d@example.com,TRUE,,,,,,FALSE,3 Low St, Town,,FALSE,dora` + "\n"
	r, err := NewReader(strings.NewReader(file), Options{Rejects: collect(&rejects)})
	if err != nil {
		t.Fatal(err)
	}
	if got := usernames(drain(t, r)); !slices.Equal(got, []string{"anna", "bob,the,builder", "carl"}) {
		t.Errorf("read %q", got)
	}
	if len(rejects) != 1 || rejects[0].Line != 5 || rejects[0].Reason != "has 22 columns instead of 21" {
		t.Errorf("rejected %v", rejects)
	}
	if s := r.Stats(); len(s.IgnoredColumns) != 20 || !slices.Equal(s.Columns, []string{"cognito:username"}) {
		t.Errorf("used %q, ignored %q", s.Columns, s.IgnoredColumns)
	}
}

func TestABackslashIsATextLikeAnyOtherElsewhere(t *testing.T) {
	t.Parallel()
	got := usernames(readAll(t, "username,x\nDOMAIN\\anna,1\nbob\\,1\n", Options{}))
	if !slices.Equal(got, []string{`DOMAIN\anna`, `bob\`}) {
		t.Errorf("read %q", got)
	}
	got = usernames(readAll(t, importHeader+strings.Repeat(",", 20)+`DOMAIN\anna`+"\n", Options{}))
	if !slices.Equal(got, []string{`DOMAIN\anna`}) {
		t.Errorf("read %q", got)
	}
}

func TestWhatListUsersAnswersIsReadLineByLine(t *testing.T) {
	t.Parallel()
	file := `{"Username":"anna","Attributes":[{"Name":"sub","Value":"1"},{"Name":"email","Value":"anna@example.com"}],"UserCreateDate":1.7e9,"Enabled":true,"UserStatus":"CONFIRMED"}
{"Username":"bob","Attributes":[],"Enabled":false}
{"username":"carl"}
`
	var rejects []Reject
	r, err := NewReader(strings.NewReader(file), Options{Rejects: collect(&rejects)})
	if err != nil {
		t.Fatal(err)
	}
	if got := usernames(drain(t, r)); !slices.Equal(got, []string{"anna", "bob"}) {
		t.Errorf("read %q", got)
	}
	if len(rejects) != 1 || rejects[0].Reason != "has no username" {
		t.Errorf("rejected %v", rejects)
	}
	if s := r.Stats(); !slices.Equal(s.Columns, []string{"Username"}) {
		t.Errorf("used %q", s.Columns)
	}
}

func TestJSONOverSeveralLinesIsToldHowToBecomeNDJSON(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"{\n  \"Users\": [\n    {\n      \"Username\": \"a\"\n":     "make it of Cognito's answer with  jq -c '.Users[]'",
		"{\n  \"username\": \"a\"\n}\n":                             "make it of indented JSON with  jq -c .",
		"[\n  {\"username\": \"a\"}\n]\n":                           "jq -c '.[]' does",
		`{"Users":[{"Username":"a"}],"PaginationToken":"x"}` + "\n": "looked for username, Username; the line has Users, PaginationToken",
		"{\"username\": \"a\", \"x\":\n \"y\"}\n":                   "line 1 is not valid JSON: NDJSON has one whole object in each line, in UTF-8",
	} {
		_, err := NewReader(strings.NewReader(file), Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}

func TestAHeaderInTheMiddleIsNoUser(t *testing.T) {
	t.Parallel()
	for _, again := range []string{"email,name\n", "email,name\r\n", "\xef\xbb\xbfemail,name\n"} {
		var rejects []Reject
		got := usernames(readAll(t, "email,name\nanna,x\n"+again+"bob,x\n", Options{Rejects: collect(&rejects)}))
		if !slices.Equal(got, []string{"anna", "bob"}) || len(rejects) != 1 || !strings.HasPrefix(rejects[0].Reason, "is the header again") {
			t.Errorf("read %q, rejected %v", got, rejects)
		}
	}
	if got := usernames(readAll(t, "anna\nanna2\n", Options{NoHeader: true})); len(got) != 2 {
		t.Errorf("without a header read %q", got)
	}
}
