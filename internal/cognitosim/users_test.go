package cognitosim_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestUsersWrittenAreReadBack(t *testing.T) {
	t.Parallel()
	users := cognitosim.Users{N: 50, Broken: 0.3, List: []cognitosim.User{{Username: `an"n`, Medium: cognitosim.SMS}}}
	var file bytes.Buffer
	if err := users.WriteCSV(&file); err != nil {
		t.Fatal(err)
	}
	got, err := cognitosim.ReadUsers(&file)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Collect(users.All()); !slices.Equal(got, want) {
		t.Errorf("read %v, wrote %v", got, want)
	}
}

func TestBrokenIsAShareAndTheSameEveryTime(t *testing.T) {
	t.Parallel()
	count := map[cognitosim.Status]int{}
	for u := range (cognitosim.Users{N: 10000, Broken: 0.2}).All() {
		count[u.Status]++
	}
	for status, want := range map[cognitosim.Status]int{
		cognitosim.Confirmed: 8000, cognitosim.Unconfirmed: 500, cognitosim.Disabled: 500, cognitosim.Unverified: 500, cognitosim.ForceChange: 500} {
		if n := count[status]; n < want*85/100 || n > want*115/100 {
			t.Errorf("%s: %d, want about %d", status, n, want)
		}
	}
	for u := range (cognitosim.Users{N: 1000}).All() {
		if u.Status != cognitosim.Confirmed {
			t.Fatalf("%s is %s though nobody asked for it", u.Username, u.Status)
		}
	}
}

func TestTheTwinHasTheUsersItLists(t *testing.T) {
	t.Parallel()
	users := cognitosim.Users{N: 200, Broken: 0.3}
	s := cognitosim.New(fast(cognitosim.Options{Users: users}))
	for u := range users.All() {
		if got := forgot(t, s, u.Username).code() == "OK"; got != (u.Status == cognitosim.Confirmed) {
			t.Errorf("%s is %s, accepted %v", u.Username, u.Status, got)
		}
	}
}

func TestUsersFilesAreReadAsTheyCome(t *testing.T) {
	t.Parallel()
	ann := cognitosim.User{Username: "ann"}
	for _, c := range []struct {
		why, file string
		want      cognitosim.User
	}{
		{"only usernames", "username\nann\n", ann},
		{"other columns", "id,username,shoe size\n7,ann,44\n", ann},
		{"byte order mark, CRLF, capitals", "\ufeffUsername\r\nann\r\n", ann},
		{"Cognito's own column first", "username,cognito:username\nx,ann\n", ann},
		{"addresses as usernames", "name,email\nAnn,ann@example.com\n", cognitosim.User{Username: "ann@example.com", Email: "ann@example.com"}},
		{"all columns", "username,status,medium,email\nann,Disabled,sms,a@example.com\n",
			cognitosim.User{Username: "ann", Status: cognitosim.Disabled, Medium: cognitosim.SMS, Email: "a@example.com"}},
	} {
		got, err := cognitosim.ReadUsers(strings.NewReader(c.file))
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.why, got, err, c.want)
		}
	}
}

func TestBadUsersFilesSayWhereAndWhat(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"":                                   "the file is empty",
		"name\nann\n":                        "no column with usernames",
		"username,status\nann,gone\n":        `line 2: status "gone" is none`,
		"username,medium\nann,pigeon\n":      `line 2: medium "PIGEON" is neither`,
		"username,email\nann,x\n,a@b\n":      "line 3: no username",
		"username\n\"ann\n":                  "extraneous or missing",
		"username,status\nann,confirmed,x\n": "wrong number of fields",
	} {
		if _, err := cognitosim.ReadUsers(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}
