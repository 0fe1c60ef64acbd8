// Package tracing sends spans to a collector over OTLP/HTTP, where the
// environment names one.
//
// It promises that nothing is sent, and nothing is spent, unless
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, and
// that a collector which is slow or gone holds up no call: spans wait in a
// queue of bounded length, and those that do not fit are dropped. So its weak
// spot is that traces have holes; what became of a row is the ledger's to tell.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// scope is the name of the instrumentation, as OpenTelemetry wants it: a module.
const scope = "github.com/rekeyhq/rekey"

// complainEvery is how often the log is told that the collector is away.
const complainEvery = time.Minute

// Service is what the spans say of the process that sent them. What
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes before it.
type Service struct {
	Name, Version, Instance string
}

// Tracer makes spans. A nil one is no tracing.
type Tracer struct {
	trace.Tracer
	provider *sdk.TracerProvider
}

// Wanted reports whether the environment names a collector.
func Wanted(getenv func(string) string) bool {
	if getenv("OTEL_SDK_DISABLED") == "true" || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Start returns a tracer for the collector of the process's environment, which
// OpenTelemetry's library reads by itself: endpoint, headers, certificates,
// sampler, batches. Errors of the library, of which there is one handler in a
// process, go to the log.
func Start(ctx context.Context, s Service, log *slog.Logger) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", s.Name),
		attribute.String("service.version", s.Version),
		attribute.String("service.instance.id", s.Instance),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	seldom := rate.Sometimes{Interval: complainEvery}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		seldom.Do(func() { log.Warn("traces are lost", "err", err) })
	}))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{provider.Tracer(scope, trace.WithInstrumentationVersion(s.Version)), provider}, nil
}

// Stop sends what is left, until ctx ends.
func (t *Tracer) Stop(ctx context.Context) {
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
