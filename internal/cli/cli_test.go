package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestAnErrorBringsItsExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{Usage("x"), 2},
		{fmt.Errorf("more: %w", Refused(errors.New("x"))), 3},
		{WithCode(CodeNotAccepted, errors.New("x")), 4},
		{WithCode(CodeUsage, nil), 0},
		{fmt.Errorf("load: %w", context.Canceled), 130},
		{context.DeadlineExceeded, 1},
		{WithCode(CodeFailed, context.Canceled), 1},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestAPanicIsOneLineThatSaysItIsABug(t *testing.T) {
	t.Parallel()
	var rows []int
	err := guarded(t.Context(), func(context.Context, []string, func(string) string, io.Reader, io.Writer, io.Writer) error {
		return fmt.Errorf("%d", rows[len(rows)])
	}, nil)
	var b bytes.Buffer
	Report(&b, "campaign", err)
	if s := b.String(); Code(err) != CodeFailed || strings.Count(s, "\n") != 1 || !strings.Contains(s, "this is a bug") ||
		!strings.Contains(s, "index out of range") || !strings.Contains(s, "cli/cli_test.go:") {
		t.Error(s)
	}
}

func TestAnInterruptionSaysSo(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	Report(&b, "enqueue", fmt.Errorf("read tcp: %w", context.Canceled))
	Report(&b, "enqueue", WithCode(CodeInterrupted, errors.New("interrupted; again goes on")))
	Report(&b, "enqueue", nil)
	if b.String() != "enqueue: interrupted\nenqueue: interrupted; again goes on\n" {
		t.Error(b.String())
	}
}

// tool is a program with one verb, called by name.
func tool(name string, args ...string) (stdout string, err error) {
	var out bytes.Buffer
	p := &Program{Name: name, Getenv: func(string) string { return "" }, Stdout: &out, Stderr: io.Discard}
	root := p.Set(&cobra.Command{Use: p.Name})
	sub := &cobra.Command{Use: "show ID", Args: Args("ID"), RunE: func(_ *cobra.Command, args []string) error {
		_, err := fmt.Fprintln(&out, args[0], p.ConfigFlag())
		return err
	}}
	sub.Flags().VarP(OneOf("table", "json"), "output", "o", "how")
	sub.Flags().Var(NoneOr("UserNotFound", "CodeDeliveryFailure"), "cause", "why")
	sub.Flags().Duration("timeout", 0, "how long")
	sub.Flags().Int("users", 0, "how many")
	root.AddCommand(sub, &cobra.Command{Use: "list [ID]", Args: AtMost("ID"), RunE: sub.RunE})
	Verbs(root)
	root.SetArgs(args)
	return out.String(), errors.Join(root.ExecuteContext(context.Background()))
}

func TestAWrongCallIsAUsageErrorWithAHint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, text, hint string }{
		{"", "say what to do: show, list", "see  rekey-campaign --help"},
		{"shwo x", `there is no command "shwo"; did you mean show?`, "see  rekey-campaign --help"},
		{"frob x", `there is no command "frob"; there are show, list`, "see  rekey-campaign --help"},
		{"shwo a --output json", `there is no command "shwo"; did you mean show?`, "see  rekey-campaign --help"},
		{"shwo -x", `there is no command "shwo"; did you mean show?`, "see  rekey-campaign --help"},
		{"frob --output json", `there is no command "frob"; there are show, list`, "see  rekey-campaign --help"},
		{"--config x shwo --output json", `there is no command "shwo"; did you mean show?`, "see  rekey-campaign --help"},
		{"help shwo", `there is no command "shwo"; did you mean show?`, "see  rekey-campaign --help"},
		{"show a --ouput json", "unknown flag: --ouput; did you mean --output?", "see  rekey-campaign show --help"},
		{"show a --cnofig x", "unknown flag: --cnofig; did you mean --config?", "see  rekey-campaign show --help"},
		{"show", "ID is missing", "see  rekey-campaign show --help"},
		{"show a b", `"b" is one argument too many`, "see  rekey-campaign show --help"},
		{"list a b", `"b" is one argument too many`, "see  rekey-campaign list --help"},
		{"show a --nothing", "unknown flag: --nothing", "see  rekey-campaign show --help"},
		{"show a --output xml", `"xml" for "-o, --output" flag: must be table or json`, "see  rekey-campaign show --help"},
		{"show a --output jsno", `"jsno" for "-o, --output" flag: did you mean json?` + "\n", "see  rekey-campaign show --help"},
		{"show a --cause codedeliveryfailure", `"codedeliveryfailure" for "--cause" flag: did you mean CodeDeliveryFailure?` + "\n", "see  rekey-campaign show --help"},
		{"show a --cause x", `must be UserNotFound or CodeDeliveryFailure`, "see  rekey-campaign show --help"},
		{"show a --timeout 5", `"5" for "--timeout" flag: write 5s or 5m`, "see  rekey-campaign show --help"},
		{"show a --timeout soon", `"soon" for "--timeout" flag: write a duration such as 90s, 5m or 2h`, "see  rekey-campaign show --help"},
		{"show a --users many", `"many" for "--users" flag: write a whole number` + "\n", "see  rekey-campaign show --help"},
	} {
		_, err := tool("rekey-campaign", strings.Fields(c.args)...)
		var b bytes.Buffer
		Report(&b, "rekey-campaign", errors.Unwrap(joined(err)))
		if Code(err) != CodeUsage || !strings.Contains(b.String(), c.text) || !strings.Contains(b.String(), c.hint+"\n") || strings.Count(b.String(), "\n") != 2 {
			t.Errorf("%q: %d\n%s", c.args, Code(err), b.String())
		}
	}
}

// joined takes errors.Join's one error out.
func joined(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return fmt.Errorf("%w", many.Unwrap()[0])
	}
	return err
}

func TestAFlagThatMayBeLeftOutMayBeEmpty(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"show", "a"}, {"show", "a", "--cause", ""}, {"show", "a", "--cause", "UserNotFound"}} {
		if _, err := tool("campaign", args...); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := tool("campaign", "show", "a", "--output", ""); Code(err) != CodeUsage {
		t.Errorf("an empty choice: %v", err)
	}
}

func TestNextStepsAreForTheProgramAsItWasCalled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, want string }{
		{"enqueue", "campaign"}, {"rekey-enqueue", "rekey-campaign"}, {"eq", "campaign"},
	} {
		if got := (&Program{Name: c.name}).Sibling("campaign"); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if got := Name([]string{"/usr/bin/rekey-worker.exe"}); got != "rekey-worker" {
		t.Error(got)
	}
	for _, name := range []string{"rekey-worker", "rekey-enqueue", "rekey-campaign"} {
		p := &Program{Name: name, config: filepath.Join(t.TempDir(), "rekey.yaml"), Getenv: func(string) string { return "" }}
		want := "there is no " + p.config + ": write one with  rekey-worker init --region REGION --client-id ID --config " + p.config + "  or name yours"
		if _, err := p.Config(); Code(err) != CodeUsage || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(p.config, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		// A file that is there, init would leave as it is.
		if _, err := p.FullConfig(); Code(err) != CodeUsage || !strings.Contains(err.Error(), " is empty: remove it, and write one with  rekey-worker init") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := &Program{config: "/etc/it's/rekey.yaml"}
	if got := p.ConfigFlag(); got != ` --config '/etc/it'\''s/rekey.yaml'` {
		t.Error(got)
	}
}

func TestTheLevelOfTheLogComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	level := "debug"
	p := &Program{Stderr: &b, Getenv: func(string) string { return level }}
	log, err := p.Logger()
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hello")
	if !strings.HasPrefix(b.String(), `{"time":`) {
		t.Errorf("a log that nobody watches is JSON, not %s", b.String())
	}
	level = "loud"
	if _, err := p.Logger(); Code(err) != CodeUsage || !strings.Contains(err.Error(), "debug, info, warn or error") {
		t.Error(err)
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 7: "7", 412: "412", 4497: "4,497", 1003120: "1,003,120", -1000: "-1,000", -999: "-999"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 s", 45 * time.Second: "45 s", 59*time.Second + 999*time.Millisecond: "1 min", time.Minute: "1 min", 90 * time.Second: "2 min",
		59*time.Minute + 40*time.Second: "1 h", 16*time.Hour + 10*time.Minute + 29*time.Second: "16 h 11 min", 3 * time.Hour: "3 h",
		48 * time.Hour: "2 d", 34*24*time.Hour + 17*time.Hour: "34 d 17 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	at := time.Date(2026, 11, 24, 2, 10, 59, 0, time.FixedZone("", 3600))
	if Minute(at) != "2026-11-24T01:11Z" || Minute(at.Add(-59*time.Second)) != "2026-11-24T01:10Z" || Time(at) != "2026-11-24T01:10:59Z" || Time(time.Time{}) != "" {
		t.Error(Minute(at), Time(at))
	}
	if Rate(120.0/7) != "17.1/s" || Number(30) != "30" || Number(0.8) != "0.8" || Number(1+0.35) != "1.35" {
		t.Error(Rate(120.0/7), Number(30))
	}
}

func TestTheNumberToConfirmMayBeCopiedFromThePlan(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"998211": 998211, "998,211": 998211, "998_211": 998211, "0": 0} {
		var n Confirmation
		if err := n.Set(in); err != nil || n.N != want || !n.Given {
			t.Errorf("%s: %+v, %v", in, n, err)
		}
	}
	for _, in := range []string{"", "all", "-1", "1.5", "99999999999999999999"} {
		if err := new(Confirmation).Set(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}

func TestAReaderThatBlocksEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	never, _ := io.Pipe()
	r := Interruptible(ctx, never)
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	got, err := io.ReadAll(Interruptible(t.Context(), strings.NewReader("all of it")))
	if string(got) != "all of it" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestProgressIsALineEveryTenSecondsWhereNobodyWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := (&Program{Stderr: &b}).Progress("breach-2026")
		for i := range int64(25) {
			time.Sleep(time.Second) // of the bubble's clock
			p.Show(i, 25, "17.0/s")
		}
		p.Show(25, 25, "")
		p.End()
		if want := "breach-2026: 36.0 % 17.0/s\nbreach-2026: 76.0 % 17.0/s\n"; b.String() != want {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
	})
}

func TestProgressIsABarOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := &Progress{w: &b, what: "x", terminal: true, width: func() int { return 80 }, last: time.Now()}
		p.Show(0, 10, "too soon")
		time.Sleep(time.Second) // of the bubble's clock
		p.Show(5, 10, "half")
		time.Sleep(time.Second)
		p.Show(7, 0, "no total")
		p.End()
		p.End()
		want := "\rx [" + strings.Repeat("#", 15) + strings.Repeat(".", 15) + "] 50.0 % half\x1b[K\rx no total\x1b[K\r\x1b[K"
		if b.String() != want {
			t.Errorf("%q", b.String())
		}
	})
}

func TestProgressFitsIntoTheTerminal(t *testing.T) {
	t.Parallel()
	p := &Progress{what: "users.csv"}
	for width, want := range map[int]string{
		100: "users.csv [###############...............] 50.0 % 12,345,678 rows, 450 MB, 1,024,000/s, 45 s left",
		80:  "users.csv [######......] 50.0 % 12,345,678 rows, 450 MB, 1,024,000/s, 45 s left",
		70:  "users.csv 50.0 % 12,345,678 rows, 450 MB, 1,024,000/s, 45 s left",
		40:  "users.csv 50.0 % 12,345,678 rows, 450 …",
		2:   "…",
	} {
		p.width = func() int { return width }
		got := p.line(50, 100, []string{"12,345,678 rows, 450 MB, 1,024,000/s, 45 s left"})
		if got != want || utf8.RuneCountInString(got) >= width {
			t.Errorf("%d columns:\n%s\n%s", width, got, want)
		}
	}
}

func TestWhatIsLeftOfALineThatHasNoRoomIsTheTime(t *testing.T) {
	t.Parallel()
	p := &Progress{what: "users-prod-eu-west-1-2026-11-23.csv"}
	notes := []string{"1,307,715 rows, 45 MB, 312,345/s, 3 min left", "1,307,715 rows, 312,345/s, 3 min left", "1,307,715 rows, 3 min left", "3 min left"}
	for width, want := range map[int]string{
		120: "users-prod-eu-west-1-2026-11-23.csv [##############...............] 50.0 % 1,307,715 rows, 45 MB, 312,345/s, 3 min left",
		80:  "users-prod-eu…26-11-23.csv [##...] 50.0 % 1,307,715 rows, 312,345/s, 3 min left",
		60:  "users-pro…11-23.csv 50.0 % 1,307,715 rows, 3 min left",
		40:  "users-…23.csv 50.0 % 3 min left",
		20:  "users-…3.csv 50.0 …",
	} {
		p.width = func() int { return width }
		if got := p.line(50, 100, notes); got != want || utf8.RuneCountInString(got) >= width {
			t.Errorf("%d columns:\n%s\n%s", width, got, want)
		}
	}
}

func TestNoNameMovesACursorOrBreaksALine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"naïve 名前 'x' \\.csv": "naïve 名前 'x' \\.csv",
		"a\x1b[2Jb\nc\u202ed": `a\x1b[2Jb\nc\u202ed`,
	} {
		if got := Plain(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	var b bytes.Buffer
	Report(&b, "x", errors.Join(errors.New("a\x1b[2J"), errors.New("b")))
	if b.String() != "x: a\\x1b[2J\nb\n" {
		t.Errorf("%q", &b)
	}
}

func TestATableLinesUp(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := Table(&b, []string{"ID", "USERS ", "STATE"}, [][]string{{"a", "1,000", "done"}, {"breach-2026", "7", ""}})
	want := "ID           USERS  STATE\na            1,000  done\nbreach-2026      7\n"
	if err != nil || b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	if err := JSON(&b, map[string]string{"a": "<&>"}); err != nil || b.String() != `{"a":"<&>"}`+"\n" {
		t.Error(b.String(), err)
	}
}
