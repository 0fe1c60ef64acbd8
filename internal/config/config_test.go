package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// env returns a getenv of these pairs.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, text string, getenv func(string) string) *Config {
	t.Helper()
	c, err := Load(write(t, t.TempDir(), "rekey.yaml", text), getenv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const small = `redis: redis://127.0.0.1:6379/0
pools:
  prod: {region: eu-west-1, client_id: 1h57kf5cpq17m0eml12example}
`

func TestASmallFileIsCompletedByDefaults(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, small, env())
	c.Path = ""
	want := &Config{
		Redis:  Redis{Addrs: []string{"127.0.0.1:6379"}},
		Listen: "127.0.0.1:9464",
		Pools: map[string]Pool{"prod": {
			Name: "prod", Region: "eu-west-1", ClientID: "1h57kf5cpq17m0eml12example", Quota: "eu-west-1",
			Concurrency: 64, Retention: 720 * time.Hour, Hour: time.Hour,
		}},
		Quotas: map[string]Quota{"eu-west-1": {Name: "eu-west-1", Limit: 30, Share: 0.8, Echo: 0.4, Burst: 2}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if r := c.QuotaOf(c.Pools["prod"]).Rate(); r < 17.1 || r > 17.2 {
		t.Errorf("the rate is %v", r)
	}
}

const complete = `
redis: rediss+sentinel://h1,h2:26380/main/2
redis_password_file: redis-password
wait_replicas: 2
listen: ""
roster_keys:
  - file: roster-key
  - env: OLD_KEY
pools:
  prod:
    region: eu-west-1
    client_id: 1h57kf5cpq17m0eml12example
    client_secrets:
      - file: secret
      - env: SECOND
    quota: acme/eu-west-1
    concurrency: 7
    case_sensitive: true
    lambda_refusals: ["not today"]
    endpoint: http://127.0.0.1:9229
    retention: 1h
    hour: 10s
  staging: {region: eu-west-1, client_id: "2", quota: acme/eu-west-1}
quotas:
  acme/eu-west-1: {limit: 40, share: 0.5, echo: 0, burst: 3, daily: 50}
`

func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "redis-password", "pass word\n")
	write(t, dir, "secret", "first\r\n")
	write(t, dir, "roster-key", testKey+"\n")
	c, err := Load(write(t, dir, "rekey.yaml", complete), env("SECOND", "second", "OLD_KEY", strings.Repeat("A", 43)+"="))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Redis.String(); got != "rediss+sentinel://h1:26379,h2:26380/main/2" {
		t.Errorf("redis is %s", got)
	}
	if got := c.Redis.Password.Reveal(); got != "pass word" {
		t.Errorf("the password is %q", got)
	}
	want := Pool{
		Name: "prod", Region: "eu-west-1", ClientID: "1h57kf5cpq17m0eml12example",
		ClientSecrets: []Secret{NewSecret("first"), NewSecret("second")}, Quota: "acme/eu-west-1", Concurrency: 7,
		CaseSensitive: true, LambdaRefusals: []string{"not today"}, Endpoint: "http://127.0.0.1:9229",
		Retention: time.Hour, Hour: 10 * time.Second,
	}
	if got := c.Pools["prod"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := c.Quotas["acme/eu-west-1"]; got != (Quota{"acme/eu-west-1", 40, 0.5, 0, 3, 50}) || len(c.Quotas) != 1 {
		t.Errorf("the quotas are %+v", c.Quotas)
	}
	key, _ := base64.StdEncoding.DecodeString(testKey)
	if got := c.KeySecrets(); len(got) != 2 || !bytes.Equal(got[0], key) || !bytes.Equal(got[1], make([]byte, 32)) {
		t.Errorf("%d roster keys, or others than the file's", len(got))
	}
	if k := c.RosterKeys; k[0].Path != filepath.Join(dir, "roster-key") || k[0].Env != "" || k[1].Env != "OLD_KEY" || k[1].Path != "" {
		t.Errorf("the roster keys come from %+v", k)
	}
	if c.WaitReplicas != 2 {
		t.Errorf("wait_replicas is %d", c.WaitReplicas)
	}
	if c.Listen != "" {
		t.Errorf("listen is %q, and was turned off", c.Listen)
	}
}

// An operator's machine without the keys must be able to pause.
func TestRosterKeysThatCannotBeReadKeepNobodyFromOperating(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "rekey.yaml", small+"roster_keys: [{file: nowhere}, {env: KEY}, {env: UNSET}]\n")
	c, err := LoadWithoutClientSecrets(path, env("KEY", testKey))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.RosterKeys) != 1 || c.RosterKeys[0].Env != "KEY" {
		t.Errorf("the keys that can be read are %+v", c.RosterKeys)
	}
	for _, want := range []string{"rekey.yaml:4: roster_keys[0]: the secret cannot be read", "rekey.yaml:4: roster_keys[2]: the environment variable UNSET is not set"} {
		if c.KeysUnread == nil || !strings.Contains(c.KeysUnread.Error(), want) {
			t.Errorf("unread: %v, want %s", c.KeysUnread, want)
		}
	}
	if _, err := Load(path, env("KEY", testKey)); err == nil {
		t.Error("a worker starts without a key of its file")
	}
}

func TestTheEnvironmentOverridesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, dir, "other.yaml", small)
	c, err := Load("", env("REKEY_CONFIG", path, "REKEY_REDIS", "unix:///run/r.sock", "REKEY_LISTEN", ":9000"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Redis.String() != "unix:///run/r.sock" || c.Listen != ":9000" {
		t.Errorf("redis %s, listen %s", c.Redis, c.Listen)
	}
	withoutRedis := write(t, dir, "pools.yaml", small[strings.Index(small, "pools"):])
	if _, err := Load(withoutRedis, env("REKEY_REDIS", "redis://h")); err != nil {
		t.Errorf("REKEY_REDIS is enough: %v", err)
	}
	_, err = Load(path, env("REKEY_REDIS", "redis://u:hunter2@h:x", "REKEY_LISTEN", "nowhere"))
	for _, want := range []string{"REKEY_REDIS: has a host or port", "REKEY_LISTEN: \"nowhere\" is not HOST:PORT"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestAPasswordOfTheEnvironmentOverridesThePasswordFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "pw", "from file")
	path := write(t, dir, "rekey.yaml", small+"redis_password_file: pw\n")
	c, err := Load(path, env("REKEY_REDIS", "redis://:from-env@h"))
	if err != nil || c.Redis.Password.Reveal() != "from-env" {
		t.Errorf("%v", err)
	}
}

func TestAnOperatorNeedsNoClientSecret(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "rekey.yaml", strings.Replace(small, "client_id:", "client_secrets: [{file: /nowhere/secret}], client_id:", 1))
	if _, err := Load(path, env()); err == nil || !strings.Contains(err.Error(), "/nowhere/secret") {
		t.Errorf("a worker needs it: %v", err)
	}
	c, err := LoadWithoutClientSecrets(path, env())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Pools["prod"].ClientSecrets[0].IsZero() {
		t.Error("there is a secret")
	}
}

func TestThePoolIsTheOnlyOneOrTheNamedOne(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, small, env())
	if p, err := c.Pool(""); err != nil || p.Name != "prod" {
		t.Errorf("the only pool: %v, %v", p, err)
	}
	if _, err := c.Pool("pord"); err == nil || !strings.HasSuffix(err.Error(), `has no pool "pord"; it has prod`) {
		t.Errorf("an unknown pool: %v", err)
	}
	c.Pools["staging"] = Pool{Name: "staging"}
	if _, err := c.Pool(""); err == nil || !strings.HasSuffix(err.Error(), "has several pools: say which with --pool (prod, staging)") {
		t.Errorf("one of several: %v", err)
	}
}

func TestAFileThatIsNamedIsLookedForNowhereElse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	for _, load := range []func() (*Config, error){
		func() (*Config, error) { return Load(path, env()) },
		func() (*Config, error) { return LoadWithoutClientSecrets("", env("REKEY_CONFIG", path)) },
	} {
		var none ErrNone
		if _, err := load(); !errors.As(err, &none) || err.Error() != "there is no "+path {
			t.Errorf("%v", err)
		}
	}
	if _, err := Load(t.TempDir(), env()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a directory: %v", err)
	}
}

func TestWithoutANameTheFileIsTheDirectorysOwnAndElseThePackages(t *testing.T) {
	t.Parallel()
	if got := places("", env()); runtime.GOOS != "windows" && !slices.Equal(got, []string{"rekey.yaml", "/etc/rekey/rekey.yaml"}) {
		t.Errorf("it is looked for at %v", got)
	}
	here, etc := filepath.Join(t.TempDir(), "rekey.yaml"), filepath.Join(t.TempDir(), "rekey.yaml")
	paths := []string{here, etc}
	if _, _, err := find(paths); err == nil || err.Error() != "there is no "+here+" and no "+etc {
		t.Errorf("neither: %v", err)
	}
	write(t, filepath.Dir(etc), "rekey.yaml", "b")
	if path, text, err := find(paths); path != etc || string(text) != "b" || err != nil {
		t.Errorf("the package's alone: %s, %q, %v", path, text, err)
	}
	write(t, filepath.Dir(here), "rekey.yaml", "a")
	if path, text, err := find(paths); path != here || string(text) != "a" || err != nil {
		t.Errorf("both: %s, %q, %v", path, text, err)
	}
	if path, _, err := find([]string{t.TempDir(), etc}); err == nil {
		t.Errorf("the first cannot be read, and it took %s", path)
	}
}

func TestWhatInitWritesIsAConfiguration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	if err := WriteInit(path, "eu-west-1", "1h57kf5cpq17m0eml12example"); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, env())
	if err != nil {
		t.Fatal(err)
	}
	small := mustLoad(t, small, env())
	small.Path = path
	if !reflect.DeepEqual(c, small) {
		t.Errorf("it says %+v", c)
	}
	if err := WriteInit(path, "us-east-1", "other"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("writing it again: %v", err)
	}
	for _, bad := range [][2]string{{"ireland", "a"}, {"eu-west-1", "a b"}} {
		if _, err := InitText(bad[0], bad[1]); err == nil {
			t.Errorf("%v were taken", bad)
		}
	}
}

// The commented lines of the template must be right as well: somebody takes
// the # away.
func TestEveryCommentedKeyOfInitIsUnderstood(t *testing.T) {
	t.Parallel()
	text, err := InitText("eu-west-1", "abc")
	if err != nil {
		t.Fatal(err)
	}
	var on []string
	for line := range strings.Lines(text) {
		before, after, _ := strings.Cut(line, "# ")
		word, rest, isKey := strings.Cut(strings.TrimLeft(after, " -"), ":")
		if strings.TrimSpace(before) == "" && isKey && !strings.Contains(word, " ") && (rest[0] == ' ' || rest[0] == '\n') {
			line = before + after
		}
		on = append(on, line)
	}
	f := &file{name: "rekey.yaml", getenv: env()}
	c, err := f.parse([]byte(strings.Join(on, "")))
	if err == nil || !strings.Contains(err.Error(), "/run/secrets/redis-password") || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("only the password's file should be missing, got %v", err)
	}
	p := c.Pools["prod"]
	if p.Endpoint == "" || len(p.ClientSecrets) != 2 || len(p.LambdaRefusals) != 1 || len(c.Quotas) != 1 {
		t.Errorf("not every comment was taken: %+v", p)
	}
}
