//go:build unix

package child

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// role makes the test binary a child, since a machine with Go alone may have no
// other program: it says something and fails, or it stays.
const role = "REKEY_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "fails":
		fmt.Println("said")
		os.Exit(3)
	case "stays":
		<-time.After(time.Hour)
	case "counts":
		for n := 0; ; n++ {
			fmt.Println(n)
		}
	}
	goleak.VerifyTestMain(m)
}

func as(what string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what)
	return cmd
}

func TestAChildsOutputIsThereWhenItHasEnded(t *testing.T) {
	var out bytes.Buffer
	cmd := as("fails")
	cmd.Stdout = &out
	c, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	<-c.Ended()
	if out.String() != "said\n" || c.State().ExitCode() != 3 {
		t.Errorf("%q, exit code %d", out.String(), c.State().ExitCode())
	}
	c.Signal(syscall.SIGTERM)
	c.Kill() // both may come late
}

func TestAKilledChildIsGoneWhenKillReturns(t *testing.T) {
	c, err := Start(as("stays"))
	if err != nil {
		t.Fatal(err)
	}
	c.Kill()
	if err := syscall.Kill(c.PID(), 0); err != syscall.ESRCH {
		t.Errorf("process %d: %v, want %v", c.PID(), err, syscall.ESRCH)
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	if _, err := Start(exec.Command("/no/such/program")); err == nil {
		t.Error("it was started")
	}
}

func TestASuspendedChildDoesNothingMoreUntilItIsWokenUp(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := as("counts")
	cmd.Stdout = out
	c, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Kill()
	for range 50 {
		if err := Suspend(c.PID()); err != nil {
			t.Fatal(err)
		}
		then := size(t, out)
		<-time.After(5 * time.Millisecond)
		if now := size(t, out); now != then {
			t.Fatalf("it wrote %d bytes in its sleep", now-then)
		}
		c.Signal(syscall.SIGCONT)
		<-time.After(time.Millisecond)
	}
	if size(t, out) == 0 {
		t.Error("it wrote nothing")
	}
}

func TestAChildThatEndedCannotBeSuspended(t *testing.T) {
	c, err := Start(as("fails"))
	if err != nil {
		t.Fatal(err)
	}
	<-c.Ended()
	if err := Suspend(c.PID()); err == nil {
		t.Error("it was")
	}
}

func size(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
