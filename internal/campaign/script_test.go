package campaign

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestAnUnknownAnswerIsAnError(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	answers := map[string]string{
		"a word that nobody knows":  `return {'maybe', 0, 0, ''}`,
		"too few values":            `return {'go'}`,
		"another type":              `return {1, 2, 3, 4}`,
		"a record of a newer state": `return {'go', 0, 0, '\9\0\0\0\0\0\0\0'}`,
		"half a record":             `return {'go', 0, 0, 'abc'}`,
		"no array":                  `return 'go'`,
		"an error":                  `return redis.error_reply('ERR no')`,
	}
	for why, text := range answers {
		l.scripts["begin"] = redis.NewScript(text)
		if b, err := l.Begin(t.Context(), l.mark(0)); err == nil {
			t.Errorf("%s: begun %+v", why, b)
		}
	}
	for why, text := range map[string]string{
		"a word that nobody knows": `return {'maybe', '', '', '', '', 0}`,
		"an unknown halt":          `return {'recorded', '', 'world', '', '', 0}`,
		"too many values":          `return {'recorded', '', '', '', '', 0, 0}`,
	} {
		l.scripts["settle"] = redis.NewScript(text)
		if s, err := l.Settle(t.Context(), l.mark(0), accepted()); err == nil {
			t.Errorf("%s: settled %+v", why, s)
		}
	}
	l.scripts["lost"] = redis.NewScript(`return 'maybe'`)
	if _, err := l.lost(t.Context(), l.ref(0)); err == nil {
		t.Error("lost took an unknown answer")
	}
	l.scripts["bury"] = redis.NewScript(`return 'maybe'`)
	if err := l.Bury(t.Context(), l.ref(0), reset.RosterDamaged, ""); err == nil {
		t.Error("bury took an unknown answer")
	}
	if err := l.run(t.Context(), "nosuch", nil).Err(); err == nil {
		t.Error("a script that does not exist ran")
	}
}

func TestEveryAnswerOfBeginIsKnown(t *testing.T) {
	t.Parallel()
	text, err := luaFiles.ReadFile("lua/begin.lua")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "What: ")
	list, _, _ = strings.Cut(strings.ReplaceAll(list, "--", ""), ".")
	words := strings.Fields(list)
	if len(words) != len(answers) {
		t.Errorf("the head of begin.lua lists %d answers, the code knows %d", len(words), len(answers))
	}
	for _, w := range words {
		if _, ok := answers[Answer(w)]; !ok {
			t.Errorf("the code does not know %q", w)
		}
	}
}

func TestScriptsThatMustRunWithMemoryFullSaySo(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"settle": true, "lost": true, "bury": true, "begin": false} {
		text, err := luaFiles.ReadFile("lua/" + name + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		const flag = "#!lua flags=allow-oom\n"
		if got := strings.HasPrefix(compose("shared\n", string(text), true), flag+"shared\n"); got != want {
			t.Errorf("%s may run with memory full = %v, want %v", name, got, want)
		}
		if strings.Contains(compose("shared\n", string(text), false), "#!") {
			t.Errorf("%s has a shebang for a server that cannot parse it", name)
		}
	}
}

func TestAServerThatRefusesScriptsForNowIsNotTakenForOneThatCannotParseThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   [][]any
		want bool // else an error
	}{
		"a replica":              {[][]any{{"REPLICAOF", "127.0.0.1", "1"}}, true},
		"cut off from replicas":  {[][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, true},
		"full":                   {[][]any{{"CONFIG", "SET", "maxmemory", "1"}}, true},
		"a replica without data": {[][]any{{"CONFIG", "SET", "replica-serve-stale-data", "no"}, {"REPLICAOF", "127.0.0.1", "1"}}, false},
	} {
		rdb := redistest.Client(t, redistest.Real(t))
		for _, args := range c.do {
			if err := rdb.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := parsesShebang(t.Context(), rdb, "rekey:{prod}:x"); got != c.want || (err == nil) != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	old, _ := redistest.Memory(t)
	if got, err := parsesShebang(t.Context(), old, "rekey:{prod}:x"); got || err != nil {
		t.Errorf("one that cannot: %v, %v", got, err)
	}
	recovering := redistest.Client(t, redistest.Real(t))
	recovering.AddHook(&refusal{})
	if got, err := parsesShebang(t.Context(), recovering, "rekey:{prod}:x"); got || err == nil {
		t.Errorf("one that has just recovered: %v, %v", got, err)
	}
}

func TestThePoolsSecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	open := func() *Store {
		s, err := Open(t.Context(), rdb, Pool{Name: "prod"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := open(), open()
	if string(a.secret) != string(b.secret) || len(a.secret) != liveKeyBytes {
		t.Error("two openings of a pool have different secrets")
	}
	user := reset.Hide("someone@example.org")
	if a.liveOf(user) != b.liveOf(user) || strings.Contains(a.liveOf(user), "someone") {
		t.Errorf("live keys: %s, %s", a.liveOf(user), b.liveOf(user))
	}
	other, err := Open(t.Context(), rdb, Pool{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if other.liveOf(user)[len("rekey:{other}:"):] == a.liveOf(user)[len("rekey:{prod}:"):] {
		t.Error("two pools share a secret")
	}
	rdb.Set(t.Context(), a.keys.liveKey(), "short", 0)
	if _, err := Open(t.Context(), rdb, Pool{Name: "prod"}); err == nil {
		t.Error("a secret that rekey did not write was taken")
	}
}

func TestAPoolIsNotOpenedWithoutRedis(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{MaxRetries: -1, DialerRetries: 1, Dialer: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no route to Redis")
	}})
	defer func() { _ = rdb.Close() }()
	if _, err := Open(t.Context(), rdb, Pool{Name: "prod"}); err == nil {
		t.Error("opened")
	}
}

func TestAllKeysOfAScriptShareASlot(t *testing.T) {
	t.Parallel()
	k := keysOf("prod")
	for _, key := range append(k.row(reset.Ref{Campaign: "c", Row: 5000}), k.live("h"), k.event("h"), k.roster("c", 1), k.workers(), k.campaigns(), k.feeder()) {
		if !strings.HasPrefix(key, "rekey:{prod}:") {
			t.Errorf("key %s is not of pool prod's slot", key)
		}
	}
}

// refusal is of a replica whose link comes back right after the first command.
type refusal struct{ over bool }

func (r *refusal) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *refusal) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (r *refusal) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if r.over {
			return next(ctx, cmd)
		}
		r.over = true
		err := masterDown("MASTERDOWN Link with MASTER is down")
		cmd.SetErr(err)
		return err
	}
}

type masterDown string

func (e masterDown) Error() string { return string(e) }
func (masterDown) RedisError()     {}
