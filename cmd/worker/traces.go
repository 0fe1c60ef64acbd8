package main

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/tracing"
)

// flushTime is what is left for the last spans of the second that a worker may
// take to end after its calls' deadline.
const flushTime = 200 * time.Millisecond

// traces are a worker's, if the environment asks for them.
type traces struct {
	tracer trace.Tracer // nil if it does not
	stop   func()
}

func traced(ctx context.Context, getenv func(string) string, worker string, log *slog.Logger) (traces, error) {
	if !tracing.Wanted(getenv) {
		return traces{stop: func() {}}, nil
	}
	t, err := tracing.Start(ctx, tracing.Service{Name: "rekey-worker", Version: cli.Version(), Instance: worker}, log)
	if err != nil {
		return traces{}, err
	}
	return traces{t, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		t.Stop(ctx)
	}}, nil
}
