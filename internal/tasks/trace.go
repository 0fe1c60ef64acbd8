package tasks

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

// The spans of a row's way. Names and attributes are API, as the metrics are;
// docs/tracing.md lists them. No attribute has a name, an address or what
// Cognito wrote: its text may echo a user, and a trace is kept by others.
const (
	spanReset  = "reset"          // once through the line, whatever comes of it
	spanWait   = "wait"           // in line, for breaker, connection and token
	spanBegin  = "begin"          // the mark
	spanCall   = "ForgotPassword" // the request
	spanSettle = "settle"         // the answer is recorded

	attrPool     = attribute.Key("rekey.pool")
	attrCampaign = attribute.Key("rekey.campaign")
	attrRow      = attribute.Key("rekey.row")
	attrAnswer   = attribute.Key("rekey.begin.answer") // what Begin said
	attrOutcome  = attribute.Key("rekey.outcome")
	attrCause    = attribute.Key("rekey.cause")
	attrState    = attribute.Key("rekey.state") // of the row, as recorded
)

// service is the call in OpenTelemetry's own words for a remote procedure.
var service = []attribute.KeyValue{
	attribute.String("rpc.system", "aws-api"),
	attribute.String("rpc.service", "CognitoIdentityProvider"),
	attribute.String("rpc.method", spanCall),
}

// tracing makes spans. Without a tracer it makes none, at no cost.
type tracing struct {
	tracer trace.Tracer
	pool   attribute.KeyValue
}

func newTracing(t trace.Tracer, pool string) tracing {
	if t == nil {
		t = noop.Tracer{}
	}
	return tracing{t, attrPool.String(pool)}
}

// reset begins the span of a row's way.
func (t tracing) reset(ctx context.Context, ref reset.Ref) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, spanReset, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(t.pool, attrCampaign.String(ref.Campaign), attrRow.Int64(ref.Row)))
}

// step begins the span of a step on the way.
func (t tracing) step(ctx context.Context, name string) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name)
}

// call begins the span of the request.
func (t tracing) call(ctx context.Context) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, spanCall, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(service...))
}

// endBegin ends the span of the mark.
func endBegin(span trace.Span, b campaign.Begun, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "Redis")
	} else {
		span.SetAttributes(attrAnswer.String(string(b.Answer)))
	}
	span.End()
}

// endCall ends the span of the request. A user whom Cognito refuses is no
// error: the request did what it should.
func endCall(span trace.Span, a answer) {
	span.SetAttributes(attrOutcome.String(a.outcome.String()))
	if a.cause != 0 {
		span.SetAttributes(attrCause.String(a.cause.String()))
	}
	switch a.outcome {
	case reset.Accepted, reset.Refused, reset.Undeliverable, reset.UserLimited:
	default:
		span.SetStatus(codes.Error, a.outcome.String())
	}
	span.End()
}

// endSettle ends the span of the record, and tells the whole way its end.
func endSettle(span, way trace.Span, s campaign.Settled, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "Redis")
	} else {
		state := attrState.String(s.Record.State.String())
		span.SetAttributes(state)
		way.SetAttributes(state)
	}
	span.End()
}
