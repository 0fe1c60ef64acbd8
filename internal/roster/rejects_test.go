package roster

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// rejects loads a file with two bad rows and returns the rejects file's path.
func rejectInto(t *testing.T, path string) {
	t.Helper()
	w := NewRejectWriter(path)
	readAll(t, "username,x\na b,\"1\n\"\"2\"\nc,1\nC,2\n", Options{Rejects: w.Write})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Abort() // as a deferred one does
}

func TestRejectsFileHoldsLineReasonAndRow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.rejects.csv")
	rejectInto(t, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got, err := csv.NewReader(f).ReadAll()
	want := [][]string{
		{"line", "reason", "row"},
		{"2", "username has a space at position 2", "a b,\"1\n\"\"2\""},
		{"5", "duplicate: the user is in an earlier line", "C,2"},
	}
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the file holds %q, error %v", got, err)
	}
	info, err := f.Stat()
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if names := list(t, filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left beside it: %q", names)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestRejectsFileIsReplacedWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "x.csv"), filepath.Join(dir, "link.csv")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("x.csv", link); err != nil {
		t.Fatal(err)
	}
	w := NewRejectWriter(path)
	if err := w.Write(Reject{Line: 1, Reason: "r", Raw: reset.Hide("row")}); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if got, _ := os.ReadFile(path); string(got) != "old" || len(list(t, dir)) != 2 {
		t.Errorf("after Abort the file holds %q beside %q", got, list(t, dir))
	}
	rejectInto(t, link)
	got, _ := os.ReadFile(path)
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 || !strings.HasPrefix(string(got), "line,reason,row\n") {
		t.Errorf("through a link: %v holds %q, error %v", info.Mode(), got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the new file has mode %v, error %v", info.Mode(), err)
	}
}

// killed is a writer that a kill ended: nobody closes or aborts it.
func killed(t *testing.T, path string) *RejectWriter {
	t.Helper()
	w := NewRejectWriter(path)
	if err := w.Write(Reject{Line: 1, Reason: "r", Raw: reset.Hide(person)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.file.Close() })
	return w
}

func TestWhatAKilledLoadLeftOfItsRejectsTheNextOneRemoves(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(path string){
		"with rejects":    func(path string) { rejectInto(t, path) },
		"without rejects": func(path string) { _ = NewRejectWriter(path).Close() },
		"killed as well":  func(path string) { killed(t, path) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.csv")
		killed(t, path)
		if left := list(t, dir); !slices.Equal(left, []string{".x.csv.part"}) {
			t.Errorf("%s: killed, it left %q", name, left)
		}
		next(path)
		want := map[string][]string{"with rejects": {"x.csv"}, "killed as well": {".x.csv.part"}}[name]
		if left := list(t, dir); !slices.Equal(left, want) {
			t.Errorf("%s: there is %q, want %q", name, left, want)
		}
	}
}

// The earlier one's end must not put the later one's half a file in place.
func TestOfTwoLoadsThatWriteTheSameRejectsTheLaterOneHasThem(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.csv")
	aborted, earlier, later := killed(t, path), killed(t, path), killed(t, path)
	aborted.Abort()
	if err := earlier.Close(); err == nil || !strings.Contains(err.Error(), "another load writes its rejects to "+path) {
		t.Errorf("the earlier one's end: %v", err)
	}
	if err := later.Close(); err != nil {
		t.Error(err)
	}
	if left := list(t, filepath.Dir(path)); !slices.Equal(left, []string{"x.csv"}) {
		t.Errorf("there is %q", left)
	}
}

func TestWithoutRejectsThereIsNoFileNorAStaleOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := NewRejectWriter(path).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file without rejects: %v", err)
	}
	rejectInto(t, path)
	if err := NewRejectWriter(path).Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "line,reason,row\n" {
		t.Errorf("the stale file holds %q, error %v", got, err)
	}
}

func TestRejectsPathThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none", "x.csv")} {
		if err := NewRejectWriter(path).Write(Reject{}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// holder has its reject in an unexported field, where fmt calls no methods.
type holder struct{ r *Reject }

func TestRejectCannotBePrintedByAccident(t *testing.T) {
	t.Parallel()
	r := Reject{Line: 7, Reason: "reason", Raw: reset.Hide(person)}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb, r, &r, []Reject{r}, holder{&r})
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "r", r, "p", &r, "rs", []Reject{r})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "r", r, "p", &r, "rs", []Reject{r})
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if strings.Contains(out.String(), "alice") {
		t.Errorf("printed: %s", out.String())
	}
	if got := fmt.Sprint(r); got != "line 7: reason" {
		t.Errorf("as text: %s", got)
	}
}
