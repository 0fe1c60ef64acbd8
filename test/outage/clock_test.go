package outage

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
)

// skewed is a change to package time, for a program whose clock is wrong: the
// programs of this module have no parameter for it, and the queue's library and
// the Redis client would not heed one.
const (
	skewedCall = "sec, nsec, mono := runtimeNow()\n"
	skewedNow  = skewedCall + "\tsec += skew\n"
	skewedInit = `
// skew is how many seconds this process's clock is wrong.
var skew = func() (n int64) {
	s, _ := syscall.Getenv("REKEY_TEST_SKEW")
	sign := int64(1)
	for i := 0; i < len(s); i++ {
		if s[i] == '-' {
			sign = -1
			continue
		}
		n = 10*n + int64(s[i]-'0')
	}
	return sign * n
}()
`
)

// buildSkewed builds the worker with a clock that the environment sets wrong.
func buildSkewed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(text), "\nfunc Now() Time {")
	if i < 0 || !strings.Contains(string(text[i:]), skewedCall) {
		t.Fatal("package time reads its clock in another way than this test knows")
	}
	changed := string(text[:i]) + strings.Replace(string(text[i:]), skewedCall, skewedNow, 1) + skewedInit
	changed = strings.Replace(changed, "import (", "import (\n\t\"syscall\"", 1)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: filepath.Join(dir, "time.go")}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "time.go"), changed)
	write(t, filepath.Join(dir, "overlay.json"), string(overlay))
	skewed := filepath.Join(dir, "worker")
	out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", skewed, "github.com/rekeyhq/rekey/cmd/worker").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return skewed
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWorkersWhoseClocksAreMinutesOffCallNobodyTwice(t *testing.T) {
	skewed := buildSkewed(t) // before the parallel tests go on: it is most of the standard library
	t.Parallel()
	names := campaigntest.Users(0, 1500)
	r := newRig(t, options{users: len(names), rate: 100, latency: 50 * time.Millisecond})
	workers := map[string]*hired{}
	for _, skew := range []string{"-600", "0", "600"} {
		workers[skew] = r.worker(change{program: skewed, env: []string{"REKEY_TEST_SKEW=" + skew}})
	}
	for skew, p := range workers {
		r.until("it serves", func() bool { return p.said("serving") })
		if got := p.ahead(); (got - seconds(skew)).Abs() > time.Minute {
			t.Fatalf("the clock is %v ahead, not %s s: the test shows nothing", got, skew)
		}
	}
	r.run("breach", names)
	began := time.Now()
	c := r.await("breach", "done", done)
	took := time.Since(began)
	t.Logf("%d users in %v", len(names), took.Round(100*time.Millisecond))
	if most := 2 * time.Duration(float64(len(names))/r.rate*float64(time.Second)); took > most {
		t.Errorf("it took %v, more than %v", took, most)
	}
	r.wantEachCalledOnce(names)
	r.wantRate(began)
	r.audit("breach", names)
	wantTimes(r, c)
}

// ahead is how much the worker's clock was ahead of this test's when it began
// to speak.
func (p *hired) ahead() time.Duration {
	p.t.Helper()
	first, _, _ := strings.Cut(p.Said(), "\n")
	var line struct{ Time time.Time }
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		p.t.Fatalf("%v in %q", err, first)
	}
	return time.Until(line.Time)
}

func seconds(s string) time.Duration {
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		panic(err)
	}
	return d
}

// wantTimes: what the ledger says of when is Redis's time, whoever called.
func wantTimes(r *rig, c campaign.Campaign) {
	r.t.Helper()
	for line, err := range r.store.Rows(r.t.Context(), c, campaign.Filter{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if off := time.Since(line.At); off < -2*time.Second || off > time.Since(c.Started)+2*time.Second {
			r.t.Fatalf("row %s says %v", line.Ref, line.At)
		}
	}
}
