package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cli"
)

// slowly is a load of 100,000 rows and 10 MB that takes 25 seconds; it returns
// what was said of it on stderr, where that is no terminal.
func slowly(t *testing.T, path string, stdin io.Reader) string {
	t.Helper()
	var said bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		c := newCommand(&cli.Program{Name: "enqueue", Getenv: func(string) string { return "" }, Stdin: stdin, Stderr: &said})
		c.rejects = path + ".rejects.csv"
		in, err := c.input(t.Context(), &target{}, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		defer in.close()
		n := 0
		for _, err := range in.reader.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%1000 == 0 {
				time.Sleep(250 * time.Millisecond) // of the bubble's clock
			}
		}
		if n != 100_000 {
			t.Errorf("%d rows", n)
		}
	})
	return said.String()
}

// late gives a text at once, and ends half a minute later.
type late struct{ text io.Reader }

func (l late) Read(b []byte) (int, error) {
	n, err := l.text.Read(b)
	if err != nil {
		time.Sleep(30 * time.Second) // of the bubble's clock
	}
	return n, err
}

func TestALoadThatStandsStillCountsTheRowsThatItHas(t *testing.T) {
	t.Chdir(t.TempDir())
	var said bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		c := newCommand(&cli.Program{Name: "enqueue", Getenv: func(string) string { return "" }, Stderr: &said,
			Stdin: late{strings.NewReader("username\n" + strings.Repeat("anna\na b\n", 50))}})
		in, err := c.input(t.Context(), &target{}, []string{stdin})
		if err != nil {
			t.Fatal(err)
		}
		defer in.close()
		for _, err := range in.reader.Rows() {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if !strings.HasPrefix(said.String(), "stdin: 100 rows, 0 MB, ") {
		t.Errorf("said\n%s", &said)
	}
}

// tenMB is a list whose rows have 100 bytes.
func tenMB() string {
	var b strings.Builder
	b.WriteString("username\n")
	for i := range 100_000 {
		_, _ = fmt.Fprintf(&b, "%093d@a.com\n", i)
	}
	return b.String()
}

func TestALoadSaysEveryTenSecondsHowFarItIsAndWhenItEnds(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/u.csv"
	if err := os.WriteFile(path, []byte(tenMB()), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = `^u.csv: 4\d\.\d % (39|4\d),\d{3} rows, 4 MB, [34],\d{3}/s, 1[45] s left
u.csv: 8\d\.\d % (79|8\d),\d{3} rows, 8 MB, [34],\d{3}/s, [45] s left
$`
	if said := slowly(t, path, nil); !regexp.MustCompile(want).MatchString(said) {
		t.Errorf("said\n%swant\n%s", said, want)
	}
}

func TestALoadFromAPipeSaysHowMuchItHasRead(t *testing.T) {
	t.Chdir(t.TempDir())
	const want = `^stdin: (39|4\d),\d{3} rows, 4 MB, [34],\d{3}/s
stdin: (79|8\d),\d{3} rows, 8 MB, [34],\d{3}/s
$`
	if said := slowly(t, stdin, strings.NewReader(tenMB())); !regexp.MustCompile(want).MatchString(said) {
		t.Errorf("said\n%swant\n%s", said, want)
	}
}
