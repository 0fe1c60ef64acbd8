//go:build unix

package docs

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/test/process"
)

// readmeUsers is how many users the README's campaign has.
const readmeUsers = 200

// The README's reader has AWS, a worker and a list: here they are the twin, a
// worker of the test's and a list that fits what the README shows.
func TestTheReadmesSessionIsWhatIsSaid(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	twin := simtest.Start(t, cognitosim.Options{Users: readmePool(), Quota: -1, Faults: []cognitosim.Fault{
		{To: 199, User: "bob@example.com", Answer: "CodeDeliveryFailure"},
		{To: 199, User: "dora@example.com", Answer: "CodeDeliveryFailure"},
		{To: 199, User: "frank@example.com", Answer: "CodeDeliveryFailure"},
	}})
	rdb := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
	write(t, filepath.Join(s.dir, "rekey.yaml"), fmt.Sprintf(`redis: %s
listen: 127.0.0.1:0
pools:
  prod: {region: eu-west-1, client_id: %s, endpoint: %q}
`, rdb.URL(), cognitosim.DefaultClientID, twin.URL()))
	write(t, filepath.Join(s.dir, "users.csv"), readmeList())
	if err := process.Build(t.Context(), filepath.Join(s.dir, "bin")+"/"); err != nil {
		t.Fatal(err)
	}
	steps := []step{{typed: block{text: "bin/worker 2>worker.log & worker=$!\n"}}}
	steps = append(steps, read(t, "README.md").typed()...)
	steps = append(steps, step{typed: block{text: "kill $worker; wait $worker\n"}})
	compare(t, "README.md", s, steps, strings.NewReplacer("Calls go to "+twin.URL()+", not to AWS.\n", ""))
}

func TestTheReadmesFirstCommandsRun(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	// A demo goes on until somebody ends it, and these tests are a part of all.
	s.more = `go() {
	case "$*" in
	"run ./cmd/worker demo") command go run -C "$CHECKOUT" ./cmd/worker demo --users 60 --once ;;
	"test ./...") command go list -C "$CHECKOUT" ./... ;;
	*) echo "what is  go $*  to this test?" >&2; return 1 ;;
	esac
}
`
	said := s.play(read(t, "README.md").steps())
	if got := strings.Join(said, ""); !strings.Contains(got, "DEMO: nothing leaves this machine.") || !strings.Contains(got, "test/docs") {
		t.Errorf("they print:\n%s", got)
	}
}

// readmePool are the users of the twin: two of them cannot be reset.
func readmePool() cognitosim.Users {
	var users []cognitosim.User
	for i := range readmeUsers {
		u := cognitosim.User{Username: readmeName(i)}
		if i == 61 || i == 140 {
			u.Status = cognitosim.Disabled
		}
		users = append(users, u)
	}
	return cognitosim.Users{List: users}
}

// readmeList is the file: everybody, two of them twice, and a line that is no user.
func readmeList() string {
	var b strings.Builder
	b.WriteString("email\n")
	for i := range readmeUsers {
		b.WriteString(readmeName(i) + "\n")
	}
	b.WriteString("anna@example.com\nbob@example.com\nnot a name\n")
	return b.String()
}

func readmeName(i int) string {
	if name, ok := map[int]string{0: "anna", 16: "bob", 61: "carol", 84: "dora", 140: "emil", 151: "frank"}[i]; ok {
		return name + "@example.com"
	}
	return fmt.Sprintf("user%03d@example.com", i)
}

// typed are the commands of a document's consoles, each with its answer. One
// may say by its exit code that somebody was not accepted.
func (d document) typed() []step {
	var all []step
	for _, b := range d.blocks() {
		if b.language != "console" {
			continue
		}
		at := b.line
		for line := range strings.Lines(b.text) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{
					typed: block{text: strings.TrimSpace(command) + " || [ $? = 4 ]\n", line: at},
					shown: &block{note: b.note, line: at + 1},
				})
			} else if len(all) > 0 {
				all[len(all)-1].shown.text += line
			}
			at++
		}
	}
	return all
}
