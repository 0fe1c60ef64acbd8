package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// The library's own log would drown a test's.
func TestMain(m *testing.M) {
	redis.SetLogger(silence{})
	os.Exit(m.Run())
}

func address(t *testing.T, url string) config.Redis {
	t.Helper()
	r, err := config.ParseRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// cannotOpen wants url to fail with a code and a text, both for people.
func cannotOpen(t *testing.T, url string, code int, text string) {
	t.Helper()
	_, err := OpenRedis(t.Context(), address(t, url))
	if err == nil || Code(err) != code || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%s: code %d: %v\nwant code %d: %s", url, Code(err), err, code, text)
	}
}

func TestARedisThatAnswersIsOpened(t *testing.T) {
	t.Parallel()
	rdb, err := OpenRedis(t.Context(), address(t, redistest.Server(t).URL()))
	if err != nil {
		t.Fatal(err)
	}
	if err := rdb.Close(); err != nil {
		t.Error(err)
	}
}

func TestARedisThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"redis://", "rediss://", "redis+cluster://"} {
		cannotOpen(t, scheme+addr, CodeFailed, ": the connection is refused. Is it running, and is redis right in the configuration?")
	}
	cannotOpen(t, "redis+cluster://"+addr, CodeFailed, "no Redis answers at redis+cluster://"+addr)
	cannotOpen(t, "redis+sentinel://"+addr+"/main", CodeFailed, "none of the sentinels answers, or none knows this master: start them, or correct")
	cannotOpen(t, "unix:///nowhere/redis.sock", CodeFailed, "no Redis answers at unix:///nowhere/redis.sock: there is no such socket")
	cannotOpen(t, "redis://no-such-host.invalid", CodeFailed, "the name no-such-host.invalid is not known")
}

func TestAPasswordThatDoesNotFitSaysWhichWay(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, "--requirepass", "secret", "--user", "limited", "on", ">pw", "+@connection", "-ping")
	at := strings.TrimPrefix(s.URL(), "unix://")
	cannotOpen(t, "unix://"+at, CodeUsage, "asks for a password: put it into a file and name that with redis_password_file")
	cannotOpen(t, "unix://:hunter2@"+at, CodeUsage, "refuses the user or the password")
	cannotOpen(t, "unix://nobody:hunter2@"+at, CodeUsage, "refuses the user or the password")
	cannotOpen(t, "unix://limited:pw@"+at, CodeUsage, "does not let this user do what rekey needs: give it the rights that docs/redis.md lists")
	rdb, err := OpenRedis(t.Context(), address(t, "unix://:secret@"+at))
	if err != nil {
		t.Fatal(err)
	}
	_ = rdb.Close()
}

func TestTheWrongFormSaysTheRightOne(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "rekey-cli-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	single := redistest.Real(t)
	cannotOpen(t, single.URL()+"?db=99", CodeUsage, "does not have that database")
	tls := httptest.NewUnstartedServer(nil)
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	cannotOpen(t, "rediss://"+tls.Listener.Addr().String(), CodeUsage, "a certificate that is not trusted")
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)
	cannotOpen(t, "rediss://"+web.Listener.Addr().String(), CodeUsage, "does not speak TLS: write redis instead of rediss")
	plain := filepath.Join(dir, "s")
	l, err := net.Listen("unix", plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go hangUp(l)
	cannotOpen(t, "unix://"+plain, CodeFailed, "it hung up")
}

// Not all of them can be had from a Redis at will: what each would be shown as
// is written here for all.
func TestEveryAnswerOfRedisHasANextStep(t *testing.T) {
	t.Parallel()
	r := address(t, "redis://h")
	for _, a := range answers {
		err := Explain(r, errors.New(a.prefix+" as Redis goes on"))
		if a.says == "" || a.next == "" || Code(err) != a.code || !strings.Contains(err.Error(), " "+a.says+": "+a.next+" ("+a.prefix) {
			t.Errorf("%s: code %d: %v", a.prefix, Code(err), err)
		}
	}
}

func TestARedisThatMissesItsReplicasSaysSo(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, "--min-replicas-to-write", "1")
	r := address(t, s.URL())
	rdb, err := OpenRedis(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	refused := fmt.Errorf("claim the id z1: %w", rdb.Set(t.Context(), "x", "x", 0).Err())
	if err := Explain(r, refused); Code(err) != CodeFailed || !strings.Contains(err.Error(), "has fewer replicas than it wants (min-replicas-to-write), and so takes no writes: bring them back") {
		t.Error(err)
	}
}

func hangUp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

func TestAnErrorInMidCommandIsExplainedAsWell(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, "--maxmemory", "1kb", "--maxmemory-policy", "noeviction")
	r := address(t, s.URL())
	rdb, err := OpenRedis(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	full := rdb.Set(t.Context(), "x", "x", 0).Err()
	if err := Explain(r, full); err == nil || Code(err) != CodeFailed || !strings.Contains(err.Error(), "is full (maxmemory)") {
		t.Error(err)
	}
	cluster := NewRedis(address(t, "redis+cluster://h"))
	_ = cluster.Close()
	moved := rdb.Do(t.Context(), "cluster", "slots").Err()
	if err := Explain(r, moved); Code(err) != CodeUsage || !strings.Contains(err.Error(), "is not a Redis Cluster") {
		t.Error(err)
	}
	other := errors.New("row 7 is READONLY to me")
	for _, err := range []error{nil, other, context.Canceled, Usage("x")} {
		if Explain(r, err) != err { //nolint:errorlint // the very same one
			t.Errorf("%v was changed", err)
		}
	}
}
