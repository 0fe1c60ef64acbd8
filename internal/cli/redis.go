package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rekeyhq/rekey/internal/config"
)

// The time-outs. Whoever has a deadline of its own brings it in the context.
const (
	dialTimeout = 5 * time.Second
	readTimeout = 5 * time.Second
	openTimeout = 15 * time.Second
)

// clusterLook is how often a Cluster is asked which node has what. A node that
// has died says nothing of its successor, and by itself the client would go on
// asking the dead one for a minute.
const clusterLook = 2 * time.Second

// NewRedis returns a client that has not connected yet.
func NewRedis(r config.Redis) redis.UniversalClient {
	return connect(options(r))
}

func connect(o *redis.UniversalOptions) redis.UniversalClient {
	if !o.IsClusterMode {
		return redis.NewUniversalClient(o)
	}
	c := o.Cluster()
	c.ClusterStateReloadInterval = clusterLook
	return redis.NewClusterClient(c)
}

func options(r config.Redis) *redis.UniversalOptions {
	o := &redis.UniversalOptions{
		Addrs: r.Addrs, MasterName: r.Master, IsClusterMode: r.Topology == config.Cluster,
		DB: r.DB, Username: r.Username, Password: r.Password.Reveal(),
		DialTimeout: dialTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout,
		ContextTimeoutEnabled: true,
		// An address that refuses is tried again by the command, not by the dialer too.
		DialerRetries: 1,
		// It asks for a command that plain servers refuse and ACLs forbid.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		// So does the library's own name.
		DisableIdentity: true,
	}
	if r.TLS {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o
}

// OpenRedis connects, and asks for one answer, so that a wrong address or
// password is known before anything is done.
func OpenRedis(ctx context.Context, r config.Redis) (redis.UniversalClient, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	o := options(r)
	rdb, err := ping(ctx, o)
	if askedBySentinel(r, err) {
		o.SentinelPassword = r.Password.Reveal()
		rdb, err = ping(ctx, o)
	}
	return rdb, Explain(r, err)
}

func ping(ctx context.Context, o *redis.UniversalOptions) (redis.UniversalClient, error) {
	rdb := connect(o)
	// A Redis that takes no writes since its disk is full says so to a PING too. It
	// can be read, and what writes is told by itself.
	if err := rdb.Ping(ctx).Err(); err != nil && !redis.HasErrorPrefix(err, "MISCONF") {
		return nil, errors.Join(err, rdb.Close())
	}
	return rdb, nil
}

// askedBySentinel reports whether the sentinels ask for a password too. Most do
// not, and a server that has none refuses to be given one; those that do are
// commonly set up with that of the primary.
func askedBySentinel(r config.Redis, err error) bool {
	return r.Topology == config.Sentinel && !r.Password.IsZero() && err != nil && strings.Contains(err.Error(), "NOAUTH")
}

// answer is an error of Redis, known by its beginning: what it says of the
// Redis, and what to do next.
type answer struct {
	prefix     string
	code       int
	says, next string
}

// answers are the errors of Redis that a user can do something about.
var answers = []answer{
	{"NOAUTH", CodeUsage, "asks for a password", "put it into a file and name that with redis_password_file"},
	{"WRONGPASS", CodeUsage, "refuses the user or the password", "look at redis_password_file, and at the user in redis"},
	{"ERR invalid password", CodeUsage, "refuses the password", "look at redis_password_file"},
	{"ERR AUTH", CodeUsage, "has no password, but one is configured", "take redis_password_file out"},
	{"ERR Client sent AUTH", CodeUsage, "has no password, but one is configured", "take redis_password_file out"},
	{"NOPERM", CodeUsage, "does not let this user do what rekey needs", "give it the rights that docs/redis.md lists; worker check says whether they are enough"},
	{"ERR DB index", CodeUsage, "does not have that database", "use /0"},
	{"ERR invalid DB", CodeUsage, "does not have that database", "use /0"},
	{"MOVED", CodeUsage, "is a Redis Cluster", "write redis+cluster://"},
	{"ERR This instance has cluster support disabled", CodeUsage, "is not a Redis Cluster", "write redis://"},
	{"LOADING", CodeFailed, "is still loading its data", "try again in a moment"},
	{"READONLY", CodeFailed, "is a replica and cannot be written to", "name the primary, or its sentinels"},
	{"OOM", CodeFailed, "is full (maxmemory)", "give it more memory; nothing has been lost"},
	{"MISCONF", CodeFailed, "cannot write to its disk, and so takes no writes", "make room there, and read Redis's log; it goes on by itself"},
	{"NOREPLICAS", CodeFailed, "has fewer replicas than it wants (min-replicas-to-write), and so takes no writes", "bring them back, or wait until they have caught up; it goes on by itself"},
	{"CLUSTERDOWN", CodeFailed, "is a cluster of which a part is down", "bring back the nodes that redis-cli cluster nodes shows as fail; it goes on by itself"},
	{"BUSY", CodeFailed, "is busy with a script", "try again in a moment"},
	{"redis: all sentinels", CodeFailed, "cannot be found, since none of the sentinels answers, or none knows this master", "start them, or correct their addresses and the master's name in redis"},
}

// Explain says what an error of Redis means and what to do about it. Other
// errors, and those that have been explained, stay as they are.
func Explain(r config.Redis, err error) error {
	var done *Error
	if err == nil || errors.As(err, &done) || errors.Is(err, context.Canceled) {
		return err
	}
	text := err.Error()
	for _, a := range answers {
		if i := strings.Index(text, a.prefix); i == 0 || i > 0 && text[i-1] == ' ' && isRedis(err) {
			return explained(a.code, r, a.says+": "+a.next, err)
		}
	}
	return explainNetwork(r, err)
}

func isRedis(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}

func explained(code int, r config.Redis, text string, err error) error {
	return &Error{Code: code, Err: fmt.Errorf("the Redis at %s %s (%w)", r, text, err)}
}

func explainNetwork(r config.Redis, err error) error {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &cert):
		return explained(CodeUsage, r, "shows a certificate that is not trusted: add its authority to the system's, or name it with SSL_CERT_FILE", err)
	case errors.As(err, &record):
		return explained(CodeUsage, r, "does not speak TLS: write redis instead of rediss", err)
	case errors.As(err, &dns):
		return unreachable(r, "the name "+dns.Name+" is not known", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return unreachable(r, "the connection is refused", err)
	case errors.Is(err, os.ErrNotExist) && errors.As(err, &op):
		return unreachable(r, "there is no such socket", err)
	case errors.Is(err, os.ErrPermission) && errors.As(err, &op):
		return unreachable(r, "this user may not open the socket", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return unreachable(r, "it takes too long", err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return unreachable(r, "it hung up; one that wants TLS is written rediss", err)
	case errors.As(err, &op):
		return unreachable(r, op.Err.Error(), err)
	}
	return err
}

// unreachable keeps the cause for programs, and leaves its text, which repeats
// what has been said, out.
func unreachable(r config.Redis, why string, err error) error {
	return &Error{Code: CodeFailed, Err: &because{
		text: fmt.Sprintf("no Redis answers at %s: %s. Is it running, and is redis right in the configuration?", r, why), err: err,
	}}
}

type because struct {
	text string
	err  error
}

func (b *because) Error() string { return b.text }
func (b *because) Unwrap() error { return b.err }
