package tasks

import (
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

func TestEverySpanAndAttributeIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/tracing.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{spanReset, spanWait, spanBegin, spanCall, spanSettle}
	for _, key := range []attribute.Key{attrPool, attrCampaign, attrRow, attrAnswer, attrOutcome, attrCause, attrState} {
		names = append(names, string(key))
	}
	for _, a := range service {
		names = append(names, string(a.Key))
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/tracing.md does not tell of %s", name)
		}
	}
}
