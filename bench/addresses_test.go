package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesOfOtherNumbersHaveNoUserInCommon(t *testing.T) {
	const users = 2000
	seen := map[string]bool{}
	for file := range 3 {
		path := filepath.Join(t.TempDir(), "users.csv")
		if err := writeAddresses(path, file*users, users); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
			seen[line] = true
		}
	}
	if len(seen) != 3*users {
		t.Errorf("%d users, want %d", len(seen), 3*users)
	}
}
