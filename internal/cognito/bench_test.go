package cognito

import (
	"context"
	"testing"
	"time"
)

// BenchmarkForgotPassword is one call after another, on one connection.
func BenchmarkForgotPassword(b *testing.B) {
	srv := listen(b, answerAll)
	c := client(b, srv.url())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ForgotPassword(b.Context(), user("alice"), soon()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkForgotPasswordParallel has as many callers as a pool's default.
func BenchmarkForgotPasswordParallel(b *testing.B) {
	srv := listen(b, answerAll)
	c := client(b, srv.url())
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			if _, err := c.ForgotPassword(ctx, user("alice"), soon()); err != nil {
				b.Error(err)
			}
			cancel()
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	rows := Rows()
	for b.Loop() {
		classify(rows, "ServiceUnavailable", "Service is unavailable.", 503)
	}
}
