//go:build unix

package child

import (
	"bytes"
	"os/exec"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAChildsOutputIsThereWhenItHasEnded(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "echo said; exit 3")
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
	c, err := Start(exec.Command("sleep", "600"))
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
