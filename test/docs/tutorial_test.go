//go:build unix

package docs

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/redistest"
)

func TestTheTutorialRunsAndShowsWhatIsSaid(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	const twin = "127.0.0.1:9229"
	here := "127.0.0.1:" + redistest.Port(t)
	s.swap = strings.NewReplacer(twin, here)
	// Ten seconds of the campaign may be more than ten seconds.
	s.more = `sleep() { while [ "$(wc -l <calls.ndjson)" -lt 150 ]; do command sleep 0.2; done; }` + "\n"
	const document = "docs/tutorial.md"
	compare(t, document, s, read(t, document).steps(), strings.NewReplacer(here, twin))
}

// compare plays steps of a document, and holds what it shows against what is said.
func compare(t *testing.T, path string, s *session, steps []step, back *strings.Replacer) {
	t.Helper()
	shows := 0
	for i, said := range s.play(steps) {
		if st := steps[i]; st.shown != nil {
			shows++
			if said = back.Replace(said); !holds(*st.shown, said) {
				t.Errorf("%s:%d shows\n%s\nand it says\n%s", path, st.shown.line, st.shown.text, said)
			}
		}
	}
	if shows == 0 {
		t.Errorf("%s shows nothing", path)
	}
}

// steps are the blocks of shell, and the texts that follow them.
func (d document) steps() []step {
	var all []step
	open := false // the last block was shell
	for _, b := range d.blocks() {
		switch {
		case b.language == "sh":
			all = append(all, step{typed: b})
		case b.language == "text" && open:
			all[len(all)-1].shown = &b
		}
		open = b.language == "sh"
	}
	return all
}
