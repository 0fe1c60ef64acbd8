package campaign

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
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

// BenchmarkWalk is a whole pass of the walk over a campaign of a million rows,
// all of them fed: when all are final, when in each chunk a row is to be called
// again, and when none was ever called.
func BenchmarkWalk(b *testing.B) {
	const rows = 1 << 20
	accepted := Record{State: Accepted, At: time.Now()}.Bytes()
	for name, chunk := range map[string][]byte{
		"final":     bytes.Repeat(accepted, roster.ChunkRows),
		"one of 1k": append(bytes.Repeat(accepted, roster.ChunkRows-1), Record{State: Waiting, At: time.Now()}.Bytes()...),
		"planned":   nil,
	} {
		b.Run(name, func(b *testing.B) {
			l := ledgerOn(b, redistest.Client(b, redistest.Real(b)), rows, "cursor", rows)
			l.camp.Cursor = rows
			fill(l, chunk)
			if name == "final" {
				l.rdb.Del(b.Context(), l.keys.open(l.camp.ID))
			}
			for b.Loop() {
				walkOver(b, l)
			}
		})
	}
}

// fill writes the same chunk everywhere.
func fill(l *ledger, chunk []byte) {
	if chunk == nil {
		return
	}
	chunk = append(chunk, make([]byte, ledgerBytes-len(chunk))...)
	for i := range chunksOf(l.camp.Total) {
		l.rdb.Set(context.Background(), l.keys.ledger(l.camp.ID, i), chunk, 0)
	}
}

func walkOver(b *testing.B, l *ledger) {
	found := 0
	for next := int64(0); next >= 0; {
		w, err := l.Behind(b.Context(), l.camp, next)
		if err != nil {
			b.Fatal(err)
		}
		found, next = found+len(w.Rows), w.Next
	}
	b.ReportMetric(float64(found), "rows")
}
