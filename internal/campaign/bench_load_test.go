package campaign

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/redistest"
)

// BenchmarkLoad is a load from the file's first byte to the draft, in clear and
// sealed: what enqueue does but for reading the disk.
func BenchmarkLoad(b *testing.B) {
	const users = 200_000
	file := addressesOf(users)
	for name, secrets := range map[string][]byte{"clear": nil, "sealed": {1}} {
		b.Run(name, func(b *testing.B) {
			l := lifeOn(b, redistest.Client(b, redistest.Real(b)), "prod").with(secrets...)
			b.ReportAllocs()
			before, loads := allocated(), 0
			for b.Loop() {
				loads++
				_, err := l.Load(b.Context(), Spec{ID: fmt.Sprintf("c%d", loads)}, l.reader(file))
				l.ok(err)
			}
			rows := float64(loads) * users
			b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(allocated()-before)/rows, "B/row")
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// addressesOf is a list of addresses that do not compress better than real ones.
func addressesOf(users int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("an ber con der en fi gel hu ic jun kel lan mai neu ot pe rich schmi ter vo zieg")
	var b strings.Builder
	b.WriteString("email\n")
	for i := range users {
		for range 4 {
			b.WriteString(syllables[rng.IntN(len(syllables))])
		}
		_, _ = fmt.Fprintf(&b, "%d@example.com\n", i*2654435761%1_000_000_007)
	}
	return b.String()
}
