package fleet

import (
	"encoding/base64"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/rekeyhq/rekey/internal/roster"
	"github.com/rekeyhq/rekey/test/process"
)

// The steps are those of docs/encryption.md, one restart of the worker each,
// while a campaign that the old key sealed is being sent.
func TestAKeyIsRotatedInTheMiddleOfACampaign(t *testing.T) {
	t.Parallel()
	const users = 600
	f := Start(t, Options{Users: users, Rate: 60})
	old, young := newKey(f, "key-1"), newKey(f, "key-2")
	f.keys("key-1")
	worker := f.Go("worker")
	f.Run("enqueue", "--campaign", "first", "--start", "--confirm", fmt.Sprint(users/2), f.Write("first.csv", usersFrom(0, users/2)))
	f.Until("first", "begun", func(s Show) bool { return s.Counts["accepted"] > 0 })

	worker = f.rotate(worker, "key-1", "key-2")
	worker = f.rotate(worker, "key-2", "key-1")
	f.Run("enqueue", "--campaign", "second", "--start", "--confirm", fmt.Sprint(users/2), f.Write("second.csv", usersFrom(users/2, users)))
	for _, id := range []string{"first", "second"} {
		f.Until(id, "done", func(s Show) bool { return s.State == "done" && s.Counts["accepted"] == users/2 })
	}
	f.accepted("first", 0, users/2)
	f.accepted("second", users/2, users)
	if says := f.Run("worker", "check"); !strings.Contains(says, "1 sealed with "+old) || !strings.Contains(says, "1 sealed with "+young) {
		t.Errorf("the check does not say which campaign needs which key:\n%s", says)
	}

	f.rotate(worker, "key-2")
	says, code := f.both("campaign", "report", "first")
	if code == 0 || !strings.Contains(says, old) || strings.Contains(says, "user000000") {
		t.Errorf("report without the old key: exit code %d: %s", code, says)
	}
	f.accepted("second", users/2, users)
}

// newKey writes a key into a file and returns its id.
func newKey(f *Fleet, name string) string {
	f.t.Helper()
	secret := []byte(strings.Repeat(name, roster.KeyBytes)[:roster.KeyBytes])
	f.Write(name, base64.StdEncoding.EncodeToString(secret))
	return roster.KeyID(secret)
}

// keys writes the configuration with these keys, the first of them sealing.
func (f *Fleet) keys(names ...string) {
	f.t.Helper()
	f.o.Config = "roster_keys: [{file: " + strings.Join(names, "}, {file: ") + "}]"
	f.Configure("rekey.yaml", f.o.Redis, f.Twin)
}

// rotate restarts a worker with other keys.
func (f *Fleet) rotate(worker *process.Process, names ...string) *process.Process {
	f.t.Helper()
	f.keys(names...)
	worker.Signal(syscall.SIGTERM)
	<-worker.Ended()
	return f.Go("worker")
}

// both is [Fleet.Try] with what it said beside.
func (f *Fleet) both(program string, args ...string) (string, int) {
	f.t.Helper()
	cmd := f.command(program, args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// accepted wants a report in which everybody from one user to another is accepted.
func (f *Fleet) accepted(id string, from, to int) {
	f.t.Helper()
	lines := f.Report(id)
	for n := from; n < to; n++ {
		if l := lines[fmt.Sprintf("user%06d", n)]; l.State != "accepted" {
			f.t.Fatalf("%s: user %d of %d lines is %+v", id, n, len(lines), l)
		}
	}
}

// usersFrom are some of the twin's users, as a file.
func usersFrom(from, to int) string {
	b := []byte("username\n")
	for n := from; n < to; n++ {
		b = fmt.Appendf(b, "user%06d\n", n)
	}
	return string(b)
}
