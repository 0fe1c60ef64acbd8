package main

import (
	"bufio"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// BenchmarkLines is what it costs to write a row.
func BenchmarkLines(b *testing.B) {
	lines := make([]campaign.Line, 1024)
	for i := range lines {
		lines[i] = campaign.Line{
			Ref: reset.Ref{Campaign: "breach-2026", Row: int64(500_000 + i)}, Line: int64(500_002 + i),
			Username: reset.Hide("anna.mueller" + strconv.Itoa(i) + "@example.com"),
			Record:   campaign.Record{State: campaign.Accepted, Medium: reset.Email, At: time.Unix(1_800_000_000+int64(i), 0).UTC()},
		}
	}
	for _, format := range []string{"csv", "ndjson"} {
		b.Run(format, func(b *testing.B) {
			w, err := newLineWriter(bufio.NewWriterSize(io.Discard, 1<<16), format)
			b.ReportAllocs()
			for i := 0; err == nil && b.Loop(); i++ {
				err = w.write(lines[i%len(lines)])
			}
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
