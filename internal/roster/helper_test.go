package roster

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// readAll reads a file that must be readable to its end.
func readAll(t testing.TB, file string, o Options) []Row {
	t.Helper()
	r, err := NewReader(strings.NewReader(file), o)
	if err != nil {
		t.Fatalf("NewReader: %v", err)
	}
	return drain(t, r)
}

func drain(t testing.TB, r *Reader) []Row {
	t.Helper()
	var rows []Row
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatalf("Rows: %v", err)
		}
		rows = append(rows, row)
	}
	return rows
}

// usernames reveals who is in rows.
func usernames(rows []Row) []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.Request.Username.Reveal())
	}
	return names
}

// collect is an Options.Rejects that keeps them.
func collect(to *[]Reject) func(Reject) error {
	return func(r Reject) error {
		*to = append(*to, r)
		return nil
	}
}

func user(name string) reset.Request { return reset.Request{Username: reset.Hide(name)} }
