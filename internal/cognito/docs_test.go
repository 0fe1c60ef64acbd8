package cognito_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/cognito"
)

var update = flag.Bool("update", false, "write docs/answers.md anew")

// answersFile is what an operator reads; its table comes from the code.
const answersFile = "../../docs/answers.md"

//go:generate go test -run ^TestTheDocumented -update .

const answersHead = `# What each answer of Cognito means

The table by which rekey classifies, in its order: the first row whose code and text match decides. Codes stand without
"Exception"; texts are compared without case. It is written from the code: ` + "`go generate ./internal/cognito`" + `.

What an outcome does to its row stands in the [README](../README.md#outcomes).

`

const answersTail = `
Without an answer the connection decides:

| what happened | outcome | cause |
|---|---|---|
| no connection could be made, or not a byte of the request was written | Unavailable | Dial, DNS, TLS |
| the deadline ended after the first byte was written | Unanswered | Timeout |
| the connection broke after the first byte was written | Unanswered | Reset |
| rekey's own deadline, or its token, was over before the first byte | NotSent | NotSent |

Some rows end, or wait, without an answer. These causes are rekey's own:

| what happened | the row is | cause |
|---|---|---|
| another row's code for this user is alive | waiting until it ends, or skipped if it was sent | Live |
| nobody recorded an answer in time: its worker died | in_doubt | Lost |
| who the row is cannot be read | dead | RosterDamaged |
| what became of the row cannot be read | in_doubt, until an operator replays it | LedgerDamaged |
`

func TestTheDocumentedAnswersAreTheCodes(t *testing.T) {
	want := answersHead + cognito.Markdown(cognito.Rows()) + answersTail
	if *update {
		if err := os.WriteFile(answersFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(answersFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Error("docs/answers.md is not what the code says: run  go generate ./internal/cognito")
	}
}
