package tasks

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// wholeServer are the answers of a Redis that cannot serve anybody for now.
var wholeServer = []string{
	"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM", "MISCONF", "NOREPLICAS", "BUSY",
	"NOAUTH", "WRONGPASS", "NOPERM", "EXECABORT",
}

// outage reports whether err says that Redis as a whole is away. A row whose
// own data cannot be used is another matter: it must not hold up the rest.
func outage(err error) bool {
	if reply, ok := errors.AsType[redis.Error](err); ok {
		return slices.ContainsFunc(wholeServer, func(prefix string) bool { return strings.HasPrefix(reply.Error(), prefix) })
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, redis.ErrClosed) || errors.Is(err, redis.ErrPoolTimeout)
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
