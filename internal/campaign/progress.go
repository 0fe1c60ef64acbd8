package campaign

import "context"

type progressKey struct{}

// WithProgress lets what takes its time say how far it has come: [Store.Rows],
// [Store.Find], [Store.Replay] and [Store.Delete] call report now and then, never
// twice at once, with how many rows they have been through, of how many. Delete
// counts whole chunks: of a load that did not end nobody knows the rows.
func WithProgress(ctx context.Context, report func(done, total int64)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// progress says how far it is to whoever asked for it.
func progress(ctx context.Context, done, total int64) {
	if report, ok := ctx.Value(progressKey{}).(func(done, total int64)); ok {
		report(min(done, total), total)
	}
}
