package campaign

import (
	"strconv"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// BenchmarkBeginSettle is what the ledger does for one call.
func BenchmarkBeginSettle(b *testing.B) {
	l := ledgerOn(b, redistest.Client(b, redistest.Real(b)), 50_000_000, "guard", 100)
	marks := make([]Mark, 0, b.N)
	for i := range b.N {
		marks = append(marks, Mark{Ref: l.ref(int64(i)), Token: "token" + strconv.Itoa(i),
			Username: reset.Hide("user" + strconv.Itoa(i) + "@example.org"), NotAfter: time.Now().Add(time.Hour)})
	}
	b.ResetTimer()
	for _, m := range marks {
		if got := l.begin(m); got.Answer != AnswerGo {
			b.Fatal(got.Answer)
		}
		l.settle(m, accepted())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkBeginSettleParallel shows what one Redis can take.
func BenchmarkBeginSettleParallel(b *testing.B) {
	l := ledgerOn(b, redistest.Client(b, redistest.Real(b)), 50_000_000, "guard", 100)
	rows := make(chan int64, 1024)
	go func() {
		defer close(rows)
		for i := range int64(b.N) {
			rows <- i
		}
	}()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.call(<-rows, accepted())
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkAhead reads a window of planned rows.
func BenchmarkAhead(b *testing.B) {
	l := ledgerOn(b, redistest.Client(b, redistest.Real(b)), 50_000_000)
	for b.Loop() {
		if rows, _, err := l.Ahead(b.Context(), l.camp, 1000); len(rows) != 1000 || err != nil {
			b.Fatal(len(rows), err)
		}
	}
}
