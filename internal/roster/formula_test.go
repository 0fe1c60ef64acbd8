package roster

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNoCellBeginsAFormula(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, neutral string }{
		{"anna@example.com", "anna@example.com"},
		{"a-b+c=d", "a-b+c=d"},
		{"'anna", "'anna"},
		{"", ""},
		{"=1+1", "' =1+1"},
		{"+15551234567", "' +15551234567"},
		{"-anna", "' -anna"},
		{"@anna", "' @anna"},
		{"＝1", "' ＝1"},
		{"＋1＠－", "' ＋1＠－"},
		{"＠－", "' ＠－"},
		{"－", "' －"},
		// A spreadsheet that splits by semicolons, or by tabs.
		{"anna;=1+1", "anna;' =1+1"},
		{"anna\t=1+1", "anna\t' =1+1"},
		{`anna;"=1+1"`, `anna;"' =1+1"`},
		{`"=1;=2`, `"' =1;' =2`},
		{"\r=1", "\r' =1"},
		{"\n\n+1;", "\n\n' +1;"},
		// What looks like a mark of ours gets one more.
		{"' =1", "' ' =1"},
		{"' anna", "' anna"},
		{"'=1", "'=1"},
	} {
		if got := Neutral(c.text); got != c.neutral {
			t.Errorf("%q is written as %q, want %q", c.text, got, c.neutral)
		}
		if got := string(original([]byte(c.neutral))); got != c.text {
			t.Errorf("%q is read as %q, want %q", c.neutral, got, c.text)
		}
	}
}

// FuzzNeutral looks at the cells as any spreadsheet may see them.
func FuzzNeutral(f *testing.F) {
	for _, s := range []string{"=1", "+15551234567", "anna;=1", `a;""@b`, "' =1", "' ' +1", "＝;＋", "\t\r\n-", "'' =1", "\xff="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Neutral(s)
		for _, cell := range strings.FieldsFunc(n, func(r rune) bool { return strings.ContainsRune(breaks, r) }) {
			if r := []rune(strings.TrimLeft(cell, `"`)); len(r) > 0 && slices.Contains([]rune("=+-@＝＋－＠"), r[0]) {
				t.Errorf("%q is written as %q, with a cell %q", s, n, cell)
			}
		}
		if got := string(original([]byte(n))); got != s {
			t.Errorf("%q is written as %q and read as %q", s, n, got)
		}
		if validUsername(s) == nil && string(original([]byte(s))) != s {
			t.Errorf("%q is a username, and is read as %q", s, original([]byte(s)))
		}
	})
}

// The cells of every column that is used, since what was rejected for one may
// be loaded again.
func TestRejectsThatAreRepairedAreWhatTheyWere(t *testing.T) {
	t.Parallel()
	const file = "username;client_metadata.phone;ip_address;analytics_endpoint_id;encoded_data\n" +
		"+1555 1234567;+49;=1;@x;\"-\"\n"
	path := filepath.Join(t.TempDir(), "x.rejects.csv")
	w := NewRejectWriter(path)
	readAll(t, file, Options{Rejects: w.Write})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(string(written))).ReadAll()
	if err != nil || len(records) != 2 || records[1][2] != "' +1555 1234567;' +49;' =1;' @x;\"' -\"" {
		t.Fatalf("%q, %v", records, err)
	}
	head, _, _ := strings.Cut(file, "\n")
	repaired := strings.Replace(records[1][2], "1555 1", "15551", 1)
	rows := readAll(t, head+"\n"+repaired+"\n", Options{})
	if len(rows) != 1 || shown(rows[0].Request) != "+15551234567 phone=+49 @x =1 -" {
		t.Errorf("loaded again: %s", shown(rows[0].Request))
	}
}
