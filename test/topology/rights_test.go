package topology

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/test/fleet"
)

// The users of deploy/users.acl.
const (
	workerUser   = "rekey-worker"
	operatorUser = "rekey-operator"
)

func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rights reads the users' rules.
func rights(t *testing.T) map[string][]string {
	t.Helper()
	file, err := os.ReadFile("../../deploy/users.acl")
	if err != nil {
		t.Fatal(err)
	}
	users := map[string][]string{}
	for line := range strings.Lines(string(file)) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "user" && words[1] != "default" {
			users[words[1]] = words[2:]
		}
	}
	if len(users) != 2 || users[workerUser] == nil || users[operatorUser] == nil {
		t.Fatalf("deploy/users.acl has the users %v", slices.Collect(maps.Keys(users)))
	}
	return users
}

// onCluster reads what both need besides on a Cluster.
func onCluster(t *testing.T) []string {
	t.Helper()
	m := regexp.MustCompile("On a Cluster both need `([^`]+)`").FindStringSubmatch(documentation(t))
	if m == nil {
		t.Fatal("docs/redis.md does not say what is needed on a Cluster")
	}
	return strings.Fields(m[1])
}

// grant makes the users at a node, as documented.
func grant(t *testing.T, n node, more ...string) {
	t.Helper()
	rdb := n.client(t)
	for name, rules := range rights(t) {
		args := []any{"acl", "setuser", name, "reset"}
		for _, rule := range append(rules, more...) {
			args = append(args, strings.ReplaceAll(rule, ">SECRET", ">"+password))
		}
		if err := rdb.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// asUsers gives every program its user.
func asUsers(scheme, hosts string) func(program string) []string {
	return func(program string) []string {
		user := operatorUser
		if program == "worker" {
			user = workerUser
		}
		return []string{"REKEY_REDIS=" + scheme + "://" + user + ":" + password + "@" + hosts}
	}
}

// fewRights does everything that the commands can do.
func fewRights(t *testing.T, bin string) {
	t.Helper()
	n := start(t)
	grant(t, n)
	faults := filepath.Join(t.TempDir(), "faults")
	if err := os.WriteFile(faults, []byte(`{"from":1,"to":100,"answer":"UserNotFound","share":0.2}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := fleet.Start(t, fleet.Options{
		Bin: bin, Users: 300, Rate: 200, Twin: []string{"--faults", faults},
		Redis: "redis://" + n.addr(), Env: asUsers("redis", n.addr()),
	})
	worker := f.Go("worker")
	everything(t, f)
	worker.Signal(os.Interrupt)
	<-worker.Ended()
	nothingDenied(t, n.client(t))
	othersDenied(t, n.client(t))
	nothingTooMuch(t, n.client(t))
}

func everything(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	f.Run("enqueue", "--campaign", "c", "--guard", "off", f.Users)
	f.Run("enqueue", "--campaign", "c", "--guard", "off", f.Users) // the same again
	f.Try("campaign", "start", "c", "--confirm", "1")
	f.Run("campaign", "start", "c", "--confirm", "300")
	f.Run("campaign", "pause", "c", "--wait", "--reason", "a test")
	f.Run("campaign", "resume", "c")
	f.Try("campaign", "wait", "c", "--timeout", patience.String())
	s := f.Show("c")
	if s.State != "done" || s.Counts["dead"] == 0 {
		t.Fatalf("%+v, want it done, with dead letters to replay", s)
	}
	f.Run("campaign", "list")
	f.Run("campaign", "find", "--username", "user000007")
	f.Run("campaign", "replay", "c", "--confirm", strconv.Itoa(s.Counts["dead"]))
	f.Run("campaign", "wait", "c", "--timeout", patience.String())
	f.Check("c")
	f.Run("enqueue", "--campaign", "other", "--guard", "off", f.Users)
	f.Run("campaign", "cancel", "other", "--confirm", "300")
	f.Run("campaign", "delete", "other", "--confirm", "300")
	f.Try("enqueue", "--username", "nobody", "--id", "event-1", "--wait")
	f.Run("campaign", "report", "c", "--state", "accepted")
}

// nothingDenied: a worker asks for CONFIG GET to say what Redis keeps, and does
// without; nothing else was refused.
func nothingDenied(t *testing.T, rdb *redis.Client) {
	t.Helper()
	log, err := rdb.ACLLog(t.Context(), 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log {
		if e.Object != "config|get" {
			t.Errorf("%s of %s was denied: %s", e.Object, e.Username, e.Reason)
		}
	}
}

// othersDenied: neither of them reads or changes what is not rekey's.
func othersDenied(t *testing.T, rdb *redis.Client) {
	t.Helper()
	for _, user := range []string{workerUser, operatorUser} {
		for _, command := range []string{
			"flushall", "flushdb", "keys *", "scan 0", "randomkey", "dbsize", "get other", "set other 1", "del other", "config set maxmemory 1",
			"acl list", "acl setuser other", "shutdown", "replicaof no one", "debug sleep", "script flush", "function list", "client list",
			"client kill id 1", "monitor", "save", "bgrewriteaof", "publish other 1", "subscribe other", "dump rekey:{ids}:ids", "select 1",
			"rename rekey:{ids}:ids other", "evalsha 0 1 other", "eval return 1 other", "swapdb 0 1", "slaveof no one", "cluster reset",
		} {
			mayNot(t, rdb, user, command)
		}
	}
	mayNot(t, rdb, operatorUser, "smembers asynq:queues")
	mayNot(t, rdb, operatorUser, "subscribe asynq:cancel")
}

// mayNot asks Redis what it would say.
func mayNot(t *testing.T, rdb *redis.Client, user, command string) {
	t.Helper()
	args := []any{"acl", "dryrun", user}
	for word := range strings.FieldsSeq(command) {
		args = append(args, word)
	}
	answer, err := rdb.Do(t.Context(), args...).Text()
	if err != nil || !strings.Contains(answer, "no permissions") {
		t.Errorf("may %s %s? %q, %v", user, command, answer, err)
	}
}

// nothingTooMuch: every command that is granted has been used, or stands in a
// script that runs on bad days only, or is for another kind of Redis.
func nothingTooMuch(t *testing.T, rdb *redis.Client) {
	t.Helper()
	used := inScripts(t)
	used["wait"] = true // with wait_replicas
	stats, err := rdb.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`cmdstat_([a-z|]+):`).FindAllStringSubmatch(stats, -1) {
		used[m[1]] = true
	}
	for name, rules := range rights(t) {
		for _, rule := range rules {
			command, granted := strings.CutPrefix(rule, "+")
			if granted && !used[command] {
				t.Errorf("%s may use %s, and never does", name, command)
			}
		}
	}
}

// inScripts are the commands in rekey's scripts, and in those of asynq's server.
func inScripts(t *testing.T) map[string]bool {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/hibiken/asynq").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../internal/*/lua/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	files = append(files, filepath.Join(strings.TrimSpace(string(dir)), "internal", "rdb", "rdb.go"))
	used := map[string]bool{}
	call := regexp.MustCompile(`redis\.p?call\(\s*["']([A-Za-z]+)["']`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllSubmatch(text, -1) {
			used[strings.ToLower(string(m[1]))] = true
		}
	}
	return used
}
