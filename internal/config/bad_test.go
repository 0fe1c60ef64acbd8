package config

import (
	"strings"
	"testing"
)

// pool is a file with one pool in one line, the third.
func pool(keys string) string {
	return "redis: redis://h\npools:\n  prod: {" + keys + "}\n"
}

// testKey is a roster key.
const testKey = "hunter2hunter2hunter2hunter2hunter2hunter2o="

const fit = "region: eu-west-1, client_id: abc"

var bad = []struct{ name, text, want string }{
	{"empty", "", "rekey.yaml is empty"},
	{"only a comment", "# nothing\n", "rekey.yaml is empty"},
	{"not YAML", "redis: [\n", "rekey.yaml:1: is not YAML: "},
	{"a tab", "pools:\n\tprod: {}\n", "rekey.yaml:2: is not YAML: found character that cannot start any token"},
	{"a list", "- redis\n", "rekey.yaml:1: must be keys and values, not a list"},
	{"two documents", small + "---\nredis: x\n", "rekey.yaml:4: a second document begins here"},
	{"no pools", "redis: redis://h\n", "rekey.yaml:1: pools is missing"},
	{"nothing in pools", "redis: redis://h\npools:\n", "rekey.yaml:2: pools: must be keys and values, not nothing"},
	{"no pool", "redis: redis://h\npools: {}\n", "rekey.yaml:2: pools: there must be at least one pool"},
	{"no redis", "pools:\n  prod: {" + fit + "}\n", "rekey.yaml:1: redis is missing"},
	{"unknown key", pool("regoin: eu-west-1, client_id: abc"),
		"rekey.yaml:3: pools.prod.regoin: unknown key; known keys: region, client_id, client_secrets, quota, concurrency, case_sensitive, lambda_refusals, endpoint, retention, hour"},
	{"unknown key at the top", "reids: x\n" + small, "rekey.yaml:1: reids: unknown key; known keys: redis, redis_password_file, wait_replicas, listen, roster_keys, pools, quotas"},
	{"a later version's key", small + "console: x\n", "rekey.yaml:4: console: unknown key"},
	{"keys that are no list", small + "roster_keys: {env: KEY}\n", "rekey.yaml:4: roster_keys: must be a list, not keys and values"},
	{"a roster key in the file", small + "roster_keys: [hunter2]\n", "rekey.yaml:4: roster_keys[0]: must be keys and values"},
	{"a roster key of two places", small + "roster_keys: [{env: KEY, file: two}]\n", "rekey.yaml:4: roster_keys[0]: write one of  file: PATH  and  env: NAME"},
	{"a roster key that is not set", small + "roster_keys: [{env: NOWHERE}]\n", "rekey.yaml:4: roster_keys[0]: the environment variable NOWHERE is not set"},
	{"a roster key's file that is not there", small + "roster_keys: [{env: KEY}, {file: nowhere}]\n", "rekey.yaml:4: roster_keys[1]: the secret cannot be read: open "},
	{"a roster key that is not base64", small + "roster_keys: [{env: ODD}]\n", "rekey.yaml:4: roster_keys[0]: what it holds cannot be a roster key: that is 32 random bytes in base64; make one with  head"},
	{"a roster key that is short", small + "roster_keys: [{env: SHORT}]\n", "what it holds cannot be a roster key"},
	{"a roster key twice", small + "roster_keys: [{env: KEY}, {env: KEY}]\n", "rekey.yaml:4: roster_keys[1]: is the same key as another one of the list"},
	{"fewer replicas than none", small + "wait_replicas: -1\n", `rekey.yaml:4: wait_replicas: "-1" must be a whole number from 0 to 5`},
	{"too many replicas", small + "wait_replicas: 6\n", `rekey.yaml:4: wait_replicas: "6" must be a whole number from 0 to 5`},
	{"a key twice", small + "redis: redis://other\n", "rekey.yaml:4: redis: stands here for the second time"},
	{"a pool's name", "redis: redis://h\npools:\n  Prod: {" + fit + "}\n", "rekey.yaml:3: pools.Prod: a pool's name is"},
	{"a pool's name that is another's queue", "redis: redis://h\npools:\n  prod-urgent: {" + fit + "}\n", "rekey.yaml:3: pools.prod-urgent: a pool's name must not end in -urgent"},
	{"no region", pool("client_id: abc"), "rekey.yaml:3: pools.prod: region is missing"},
	{"no client", pool("region: eu-west-1"), "rekey.yaml:3: pools.prod: client_id is missing"},
	{"a region", pool("region: Ireland, client_id: abc"), `pools.prod.region: "Ireland" cannot be right: write a Region's name`},
	{"a client id to be filled in", pool("region: eu-west-1, client_id: CLIENT_ID"), "pools.prod.client_id: CLIENT_ID is to be filled in"},
	{"a client id", pool("region: eu-west-1, client_id: a-b"), `pools.prod.client_id: "a-b" cannot be right`},
	{"a value that is a list", pool("region: [a], client_id: abc"), "pools.prod.region: must be a single value, not a list"},
	{"a value that is not there", pool("region: , client_id: abc"), "pools.prod.region: must be a single value, not nothing"},
	{"a list that is a value", pool(fit + ", lambda_refusals: no"), "pools.prod.lambda_refusals: must be a list, not a single value; write [] for none"},
	{"an empty refusal", pool(fit + `, lambda_refusals: [""]`), "pools.prod.lambda_refusals[0]: must not be empty"},
	{"a quota's name", pool(fit + ", quota: ACME"), `pools.prod.quota: "ACME" cannot be right`},
	{"no calls in flight", pool(fit + ", concurrency: 0"), `pools.prod.concurrency: "0" must be a whole number from 1 to 10000`},
	{"yes", pool(fit + ", case_sensitive: yes"), `pools.prod.case_sensitive: "yes" is neither true nor false; write one of them`},
	{"an endpoint with a path", pool(fit + ", endpoint: http://h/pool"), "pools.prod.endpoint: must be scheme, host and port alone"},
	{"an endpoint without a scheme", pool(fit + `, endpoint: "127.0.0.1:9229"`), "pools.prod.endpoint: is not an address"},
	{"a duration", pool(fit + ", retention: 30d"), `pools.prod.retention: "30d" is not a duration; write it as 720h`},
	{"an hour without an endpoint", pool(fit + ", hour: 10s"), "rekey.yaml:3: pools.prod.hour: AWS's hour lasts 1h"},
	{"an hour that is too short", pool(fit + ", endpoint: http://h, hour: 9s"), `pools.prod.hour: "9s" must be from 10s to 1h0m0s`},
	{"an hour that is too long", pool(fit + ", hour: 2h"), `pools.prod.hour: "2h" must be from 10s to 1h0m0s`},
	{"a secret in the file", pool(fit + ", client_secrets: [hunter2]"), "pools.prod.client_secrets[0]: must be keys and values, not a single value"},
	{"a secret of two places", pool(fit + ", client_secrets: [{file: a, env: B}]"), "pools.prod.client_secrets[0]: write one of  file: PATH  and  env: NAME"},
	{"a secret of no place", pool(fit + ", client_secrets: [{}]"), "pools.prod.client_secrets[0]: write one of"},
	{"a secret's file that is not there", pool(fit + ", client_secrets: [{file: nowhere}]"), "pools.prod.client_secrets[0]: the secret cannot be read: open "},
	{"a secret's file of two lines", pool(fit + ", client_secrets: [{file: two}]"), "two must hold the secret as its only line"},
	{"an empty secret's file", pool(fit + ", client_secrets: [{file: none}]"), "none must hold the secret as its only line"},
	{"a secret that is not set", pool(fit + ", client_secrets: [{env: NOWHERE}]"), "the environment variable NOWHERE is not set; set it, or name a file"},
	{"a secret that cannot be one", pool(fit + ", client_secrets: [{env: ODD}]"), "what it holds cannot be a client's secret"},
	{"a secret twice", pool(fit + ", client_secrets: [{env: ONE}, {env: ONE}]"), "pools.prod.client_secrets[1]: is the same secret"},
	{"three secrets", pool(fit + ", client_secrets: [{env: ONE}, {env: TWO}, {env: THREE}]"), "pools.prod.client_secrets: a client has at most two secrets"},
	{"a quota of nobody", small + "quotas: {acme: {limit: 30}}\n", "rekey.yaml:4: quotas.acme: no pool draws on this quota"},
	{"a limit of none", small + "quotas: {eu-west-1: {limit: 0}}\n", `quotas.eu-west-1.limit: "0" must be a number above 0`},
	{"not a number", small + "quotas: {eu-west-1: {limit: .nan}}\n", `quotas.eu-west-1.limit: ".nan" must be a number`},
	{"NaN as Go reads it", small + "quotas: {eu-west-1: {echo: NaN}}\n", `quotas.eu-west-1.echo: "NaN" must be a number`},
	{"more than all", small + "quotas: {eu-west-1: {share: 1.1}}\n", `quotas.eu-west-1.share: "1.1" must be a number above 0, at most 1`},
	{"a negative echo", small + "quotas: {eu-west-1: {echo: -1}}\n", `quotas.eu-west-1.echo: "-1" must be a number from 0 to 10`},
	{"no burst", small + "quotas: {eu-west-1: {burst: 0}}\n", `quotas.eu-west-1.burst: "0" must be a whole number from 1`},
	{"a negative budget", small + "quotas: {eu-west-1: {daily: -1}}\n", `quotas.eu-west-1.daily: "-1" must be a whole number from 0`},
	{"listen", small + "listen: 9464\n", `rekey.yaml:4: listen: "9464" is not HOST:PORT`},
	{"two passwords", "redis: redis://:hunter2@h\nredis_password_file: two\n" + small[strings.Index(small, "pools"):],
		"rekey.yaml:2: redis_password_file: redis holds a password as well"},
	{"a password's file that is not there", small + "redis_password_file: nowhere\n", "rekey.yaml:4: redis_password_file: the secret cannot be read"},
}

func TestBadInputSaysWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "two", "hunter2\nhunter2\n")
	write(t, dir, "none", "\n")
	getenv := env("ONE", "hunter2", "TWO", "two", "THREE", "three", "ODD", "hunter2!=", "KEY", testKey, "SHORT", testKey[4:])
	for _, c := range bad {
		t.Run(c.name, func(t *testing.T) {
			f := &file{name: "rekey.yaml", dir: dir, getenv: getenv, clientSecrets: true}
			_, err := f.parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("one fault is one line, not\n%v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestAllFaultsAreNamedAtOnceInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, t.TempDir(), "r.yaml", "reids: x\npools:\n  a: {region: x}\n  b: {hour: 1}\nlisten: 7\n"), env())
	var lines []string
	for line := range strings.Lines(err.Error()) {
		place := strings.SplitN(line, ":", 3)
		lines = append(lines, place[1])
	}
	if got := strings.Join(lines, " "); got != "1 1 3 4 5" {
		t.Errorf("the lines are %s in\n%v", got, err)
	}
}

func TestAnAnchorIsFollowed(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "redis: redis://h\npools:\n  a: &a {"+fit+"}\n  b: *a\n", env())
	if c.Pools["b"].Region != "eu-west-1" || c.Pools["b"].Name != "b" {
		t.Errorf("%+v", c.Pools)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range bad {
		f.Add(c.text)
	}
	f.Add(complete)
	f.Fuzz(func(t *testing.T, text string) {
		r := &file{name: "rekey.yaml", dir: "/nowhere", getenv: env(), clientSecrets: true}
		c, err := r.parse([]byte(text))
		if err != nil {
			return
		}
		for name, p := range c.Pools {
			if p.Name != name || p.Region == "" || p.ClientID == "" || c.QuotaOf(p).Rate() <= 0 {
				t.Errorf("half a pool was taken: %+v", p)
			}
		}
		if len(c.Pools) == 0 || len(c.Redis.Addrs) == 0 {
			t.Errorf("half a configuration was taken: %+v", c)
		}
	})
}
