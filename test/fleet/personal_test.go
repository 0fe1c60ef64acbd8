package fleet

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/test/process"
)

// marks are in everything that is said of these people, and in nothing else.
// They are long: what is random here has letters and digits of every kind.
var marks = regexp.MustCompile(`(?i)zvcanary|203\.0\.113\.|4915550124|c0ffee00-0000`)

const people = 300

// person is one of them: an address, a phone number or a user id.
func person(n int) string {
	return [...]string{
		fmt.Sprintf("Anna.Zvcanary%04d@example.com", n), fmt.Sprintf("+4915550124%04d", n), fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", n),
	}[n%3]
}

// roll is a list of people with all that a row may have.
func roll(from, to int) string {
	b := []byte("username,client_metadata.name,analytics_endpoint_id,ip_address,encoded_data\n")
	for n := from; n < to; n++ {
		b = fmt.Appendf(b, "%s,metazvcanary%04d,endpointzvcanary%04d,203.0.113.%d,encodedzvcanary%04d\n", person(n), n, n, n%256, n)
	}
	return string(b)
}

// gossip are faults that say what they should not. The people from 290 on get
// an answer that halts the pool.
func gossip() string {
	lines := []string{
		`{"at":20,"answer":"LimitExceeded.User","text":"Attempt limit exceeded, {username}, please try after some time."}`,
		`{"at":30,"answer":"InternalError","text":"Internal Error of {username}"}`,
		`{"at":35,"answer":"HangUp.After"}`,
		`{"from":40,"to":45,"answer":"TooManyRequests","text":"Rate exceeded by {username}"}`,
		`{"at":60,"answer":"Other","text":"Who is {username}?"}`,
		`{"at":65,"answer":"ResourceNotFound","text":"There is no client of {username}"}`,
		`{"from":70,"answer":"CodeDeliveryFailure","text":"Unable to deliver code to {username}","share":0.1}`,
		`{"from":70,"answer":"UserLambdaValidation.Refused","share":0.1}`,
		`{"from":70,"answer":"UserNotFound","text":"{username} not found.","share":0.1}`,
	}
	for n := range 9 {
		lines = slices.Insert(lines, 0, fmt.Sprintf(
			`{"user":%q,"answer":"UserLambdaValidation.Refused","text":"no reset for %s, metazvcanary%04d of endpointzvcanary%04d, encodedzvcanary%04d at 203.0.113.%d"}`,
			person(n), strings.ToUpper(person(n)), n, n, n, n))
	}
	for n := people - 10; n < people; n++ {
		lines = slices.Insert(lines, 0, fmt.Sprintf(`{"user":%q,"answer":"ResourceNotFound","text":"No client for {username}"}`, person(n)))
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestPersonalDataIsInTheRosterAlone(t *testing.T) {
	t.Parallel()
	c := newCanary(t, "")
	c.campaigns()
	if where := c.inRedis("at the end"); len(where) < 3 {
		t.Errorf("the rosters of %v hold names: what was looked for would not have been found", where)
	}
	if c.inFiles() == 0 {
		t.Error("no file of Redis holds a name: what was looked for would not have been found")
	}
}

func TestWithAKeyPersonalDataIsNowhereAtAll(t *testing.T) {
	t.Parallel()
	c := newCanary(t, "roster_keys: [{file: roster-key}]")
	c.f.Write("roster-key", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	c.campaigns()
	if where := c.inRedis("at the end"); len(where) > 0 {
		t.Errorf("%v hold names", where)
	}
	if n := c.inFiles(); n > 0 {
		t.Errorf("%d files of Redis hold names", n)
	}
	if n := len(marks.FindAllString(c.f.Run("campaign", "report", "breach"), -1)); n < people-10 {
		t.Errorf("the report has %d names: the rosters are not what was loaded", n)
	}
}

// canary is a fleet whose users can be told from everything else.
type canary struct {
	t      *testing.T
	f      *Fleet
	rdb    *redis.Client
	worker *process.Process
}

// newCanary starts it. Redis writes everything as it is, so that a name can be
// found in its files.
func newCanary(t *testing.T, config string) *canary {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"users": roll(0, people), "faults": gossip()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := Start(t, Options{
		Users: 1, Rate: 100, Config: config, Pool: `lambda_refusals: ["no reset for"], `,
		Twin:   []string{"--users-file", filepath.Join(dir, "users"), "--faults", filepath.Join(dir, "faults"), "--seed", "5"},
		Server: []string{"--rdbcompression", "no", "--aof-use-rdb-preamble", "no"},
		Env:    func(string) []string { return []string{"REKEY_LOG_LEVEL=debug"} },
	})
	return &canary{t: t, f: f, rdb: redistest.Client(t, f.Redis)}
}

// campaigns are all ways in which a name comes in, and all in which it might
// come out: a list, single users, a list that cannot be loaded, a halt.
func (c *canary) campaigns() {
	c.t.Helper()
	c.worker = c.f.Go("worker")
	c.silent(0, "enqueue", "--campaign", "breach", "--guard", "off", "--start", "--confirm", strconv.Itoa(people-10), c.f.Write("breach.csv", roll(0, people-10)))
	c.f.Until("breach", "in the middle", func(s Show) bool { return s.Counts["accepted"] > people/4 })
	c.inRedis("in the middle")
	c.silent(0, "enqueue", "--username", person(people-20), "--id", "eventzvcanary1", "--client-metadata", "name=metazvcanary")
	c.silent(0, "enqueue", "--username", person(people-21), "--id", "eventzvcanary1")
	c.silent(2, "enqueue", "--username", "anna zvcanary@example.com\x01")
	c.silent(1, "enqueue", "--campaign", "bad", "--rejects", "rejects.csv", c.f.Write("bad.csv", "username\nanna zvcanary\nben.zvcanary\x01@example.com\n"))
	c.silent(3, "enqueue", "--campaign", "breach", "--guard", "off", c.f.Write("other.csv", roll(5, 50)))
	done := c.f.Until("breach", "done", func(s Show) bool { return s.State == "done" })
	if done.Counts["dead"] < people/20 {
		c.t.Errorf("the faults said little: %+v", done)
	}
	c.silent(0, "enqueue", "--campaign", "halts", "--guard", "off", "--start", "--confirm", "10", c.f.Write("halts.csv", roll(people-10, people)))
	c.f.Until("halts", "halted", func(s Show) bool { return s.State == "halted" })
	c.commands()
	c.metrics()
	c.worker.Kill()
	c.none("the worker's log", c.worker.Said())
}

// commands are those that say something about a campaign, but for the two whose
// purpose it is to name people.
func (c *canary) commands() {
	c.t.Helper()
	for _, id := range []string{"breach", "halts"} {
		c.silent(0, "campaign", "show", id)
		c.silent(0, "campaign", "show", id, "--output", "json")
	}
	c.silent(0, "campaign", "list")
	c.silent(0, "campaign", "list", "--output", "json")
	c.silent(4, "campaign", "wait", "breach")
	c.silent(0, "campaign", "find", "--username", person(1))
	c.silent(1, "campaign", "find", "--username", "nobody.zvcanary@example.com")
	c.silent(3, "campaign", "replay", "breach", "--confirm", "0")
	c.silent(0, "worker", "check")
	c.silent(0, "campaign", "resume", "halts")
}

// silent runs a program that names nobody.
func (c *canary) silent(code int, program string, args ...string) {
	c.t.Helper()
	cmd := c.f.command(program, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	what := program + " " + args[0] + " " + args[1%len(args)]
	if got := cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("%s: exit code %d, want %d: %s", what, got, code, out)
	}
	c.none(what, string(out))
}

func (c *canary) none(where, text string) {
	c.t.Helper()
	if text == "" {
		c.t.Errorf("%s says nothing: there was nothing to look at", where)
	}
	for line := range strings.Lines(text) {
		if marks.MatchString(line) {
			c.t.Errorf("%s names somebody: %s", where, line)
			return
		}
	}
}

func (c *canary) metrics() {
	c.t.Helper()
	_, rest, _ := strings.Cut(c.worker.Said(), `"listen":"`)
	addr, _, _ := strings.Cut(rest, `"`)
	for _, path := range []string{"/metrics", "/readyz", "/livez"} {
		answer, err := http.Get("http://" + addr + path)
		if err != nil {
			c.t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			c.t.Fatal(err)
		}
		c.none(path, fmt.Sprint(answer.Header, string(body)))
	}
}

// inRedis returns the keys that hold names, and complains about those that are
// no roster's.
func (c *canary) inRedis(when string) []string {
	c.t.Helper()
	found := map[string]bool{}
	keys := c.rdb.Keys(c.t.Context(), "*").Val()
	if len(keys) < 10 || !slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "asynq:") }) {
		c.t.Fatalf("%s: only %v: nothing to look at", when, keys)
	}
	for _, key := range keys {
		if marks.MatchString(unpacked(c.t, contents(c.t, c.rdb, key))) {
			found[key] = true
			if !strings.Contains(key, ":r:") {
				c.t.Errorf("%s: %s holds names", when, key)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// inFiles counts the files of Redis that hold names: what it wrote as it went,
// and a dump of the end.
func (c *canary) inFiles() (n int) {
	c.t.Helper()
	if err := c.rdb.Save(c.t.Context()).Err(); err != nil {
		c.t.Fatal(err)
	}
	dir := c.rdb.ConfigGet(c.t.Context(), "dir").Val()["dir"]
	var seen []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		seen = append(seen, filepath.Ext(path))
		if marks.MatchString(unpacked(c.t, string(text))) {
			n++
		}
		return err
	})
	if err != nil || !slices.Contains(seen, ".aof") || !slices.Contains(seen, ".rdb") {
		c.t.Fatalf("%s has %v: %v", dir, seen, err)
	}
	return n
}

// unpacked is a text and whatever is compressed in it.
func unpacked(t *testing.T, text string) string {
	t.Helper()
	const magic = "\x28\xb5\x2f\xfd"
	var all strings.Builder
	all.WriteString(text)
	for _, rest, ok := strings.Cut(text, magic); ok; _, rest, ok = strings.Cut(rest, magic) {
		r, err := zstd.NewReader(strings.NewReader(magic+rest), zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := io.ReadAll(r) // what follows the frame is none
		r.Close()
		all.Write(plain)
	}
	return all.String()
}

// contents is a key and all that it holds, as text.
func contents(t *testing.T, rdb *redis.Client, key string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var v any
	switch kind := rdb.Type(ctx, key).Val(); kind {
	case "string":
		v = rdb.Get(ctx, key).Val()
	case "hash":
		v = rdb.HGetAll(ctx, key).Val()
	case "list":
		v = rdb.LRange(ctx, key, 0, -1).Val()
	case "set":
		v = rdb.SMembers(ctx, key).Val()
	case "zset":
		v = rdb.ZRange(ctx, key, 0, -1).Val()
	case "none": // ended meanwhile
	default:
		t.Fatalf("%s is a %s", key, kind)
	}
	return fmt.Sprint(key, " ", v)
}
