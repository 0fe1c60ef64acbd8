package tasks_test

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reference"
	"github.com/rekeyhq/rekey/internal/tasks"
)

//go:generate go test -run ^TestTheDocumented -update .

func TestTheDocumentedMetricsAreTheCodes(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for _, m := range tasks.Described() {
		rows = append(rows, []string{"`" + m.Name + "`", m.Type, "`" + strings.Join(m.Labels, "` `") + "`", m.Help})
	}
	reference.Section(t, "../../docs/reference/metrics.md", "metrics", reference.Table([]string{"name", "type", "labels", "meaning"}, rows))
}
