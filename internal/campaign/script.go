package campaign

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var luaFiles embed.FS

// sharedScripts stand in front of every other one, in this order.
var sharedScripts = []string{"writes", "transition", "commit"}

// scripts are the pool's scripts by the names of their files.
type scripts map[string]*redis.Script

// loadScripts puts the shared part in front of every script. A script's first
// line may ask to run with memory full (a shebang, Redis 7); where the server
// cannot parse that, the line is left out.
func loadScripts(shebang bool) (scripts, error) {
	shared, err := sharedText()
	if err != nil {
		return nil, err
	}
	entries, err := luaFiles.ReadDir("lua")
	if err != nil {
		return nil, err
	}
	all := make(scripts, len(entries))
	for _, e := range entries {
		text, err := luaFiles.ReadFile("lua/" + e.Name())
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(e.Name(), ".lua")
		all[name] = redis.NewScript(compose(shared, string(text), shebang))
	}
	return all, nil
}

func sharedText() (string, error) {
	var all strings.Builder
	for _, name := range sharedScripts {
		text, err := luaFiles.ReadFile("lua/" + name + ".lua")
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	return all.String(), nil
}

// compose is one script's text: its shebang, the shared part, the script.
func compose(shared, own string, shebang bool) string {
	first, rest, _ := strings.Cut(own, "\n")
	if !strings.HasPrefix(first, "#!") {
		return shared + own
	}
	if !shebang {
		return shared + rest
	}
	return first + "\n" + shared + rest
}

// parsesShebang asks the server whether it can parse a script's flags. The one
// in memory cannot. It writes nothing, so a Redis whose disk is full answers too.
func parsesShebang(ctx context.Context, rdb redis.UniversalClient, key string) (bool, error) {
	asked := rdb.Eval(ctx, "#!lua flags=allow-oom,no-writes\nreturn 1", []string{key}).Err()
	if asked == nil {
		return true, nil
	}
	// Only what cannot be parsed says no. A refusal by another word, MASTERDOWN or
	// the like, is of the moment, and the scripts are chosen for life.
	var reply redis.Error
	if !errors.As(asked, &reply) || !strings.HasPrefix(reply.Error(), "ERR ") {
		return false, asked
	}
	if err := rdb.Eval(ctx, "return 1", []string{key}).Err(); err != nil {
		return false, errors.Join(asked, err)
	}
	return false, nil
}

// errAnswer is an answer that the code does not know. It is an error and never
// a default: what a newer version of a script means by it cannot be guessed.
func errAnswer(script string, answer any) error {
	return fmt.Errorf("script %s: unknown answer %.100q; all of rekey's programs must be of one version", script, fmt.Sprint(answer))
}

// run runs a script. Its keys share a slot, and it may be repeated: the client
// does so by itself after an error of the network.
func (s *Store) run(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	sc, ok := s.scripts[script]
	if !ok {
		cmd := redis.NewCmd(ctx)
		cmd.SetErr(fmt.Errorf("there is no script %q", script))
		return cmd
	}
	return sc.Run(ctx, s.rdb, keys, args...)
}

// answer runs a script whose answer is an array of n values.
func (s *Store) answer(ctx context.Context, n int, script string, keys []string, args ...any) (reply, error) {
	return replyOf(s.run(ctx, script, keys, args...), n, script)
}

func replyOf(cmd *redis.Cmd, n int, script string) (reply, error) {
	v, err := cmd.Slice()
	if err != nil {
		return reply{}, fmt.Errorf("script %s: %w", script, err)
	}
	if len(v) != n {
		return reply{}, errAnswer(script, len(v))
	}
	return reply{script: script, values: v}, nil
}

// reply reads the values of a script's answer. The first one of another type
// than asked for is its error.
type reply struct {
	script string
	values []any
	err    error
}

func (r *reply) text(i int) string {
	s, ok := r.values[i].(string)
	if !ok && r.err == nil {
		r.err = errAnswer(r.script, r.values)
	}
	return s
}

func (r *reply) int(i int) int64 {
	n, ok := r.values[i].(int64)
	if !ok && r.err == nil {
		r.err = errAnswer(r.script, r.values)
	}
	return n
}

func (r *reply) record(i int) Record {
	rec, err := ParseRecord([]byte(r.text(i)))
	if err != nil && r.err == nil {
		r.err = err
	}
	return rec
}
