package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestEveryFormOfARedisAddressIsUnderstood(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"redis://127.0.0.1:6379/0":               "redis://127.0.0.1:6379/0",
		"redis://h":                              "redis://h:6379/0",
		"redis://h/":                             "redis://h:6379/0",
		"redis://[::1]:6380/3":                   "redis://[::1]:6380/3",
		"redis://[::1]":                          "redis://[::1]:6379/0",
		"rediss://:p%2Fw@h:1/2":                  "rediss://h:1/2",
		"unix:///run/redis.sock":                 "unix:///run/redis.sock",
		"unix://u:p@/run/redis.sock?db=4":        "unix:///run/redis.sock?db=4",
		"redis+cluster://h1,h2:7001":             "redis+cluster://h1:6379,h2:7001",
		"rediss+cluster://u:p@h1/0":              "rediss+cluster://h1:6379",
		"redis+sentinel://h1,h2/main/0":          "redis+sentinel://h1:26379,h2:26379/main/0",
		"rediss+sentinel://u:p@h1:1,h2:2/main/7": "rediss+sentinel://h1:1,h2:2/main/7",
		"redis+sentinel://h1/main":               "redis+sentinel://h1:26379/main/0",
	} {
		r, err := ParseRedis(in)
		if err != nil || r.String() != want {
			t.Errorf("%s: got %s, %v, want %s", in, r, err, want)
		}
	}
}

func TestCredentialsAreTakenOutOfTheAddress(t *testing.T) {
	t.Parallel()
	r, err := ParseRedis("redis://me:p%40s%2Fs:%25@h")
	if err != nil || r.Username != "me" || r.Password.Reveal() != "p@s/s:%" || r.Addrs[0] != "h:6379" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = ParseRedis("redis://me@h")
	if err != nil || r.Username != "me" || !r.Password.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestABadRedisAddressIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"hunter2:6379":                    "write redis://HOST:6379/0",
		"http://hunter2":                  "is not an address of a Redis",
		"redis://":                        "host or port",
		"redis://hunter2:port":            "host or port",
		"redis://hunter2:0":               "host or port",
		"redis://u:hunter2%@h":            "percent-encoded",
		"redis://hunter2/one":             "the database at the end must be a number",
		"redis://hunter2/0?read_timeout=": "options after ?",
		"redis://hunter2,h2":              "several hosts",
		"redis+cluster://hunter2/1":       "database 0 only",
		"redis+sentinel://hunter2":        "the master's name is missing",
		"unix://hunter2":                  "must be absolute",
		"unix:///hunter2?x=1":             "only db=N",
	} {
		_, err := ParseRedis(in)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
}

func TestASecretCannotBePrinted(t *testing.T) {
	t.Parallel()
	c := &Config{Redis: Redis{Password: NewSecret("hunter2")}, Pools: map[string]Pool{"p": {ClientSecrets: []Secret{NewSecret("hunter2")}}}}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n", c)
		fmt.Fprintf(&b, verb+"\n", *c)
		fmt.Fprintf(&b, verb+"\n", c.Pools["p"].ClientSecrets[0])
	}
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("config", "c", c, "pool", c.Pools["p"], "s", c.Redis.Password)
	slog.New(slog.NewTextHandler(&b, nil)).Info("config", "c", c, "pool", c.Pools["p"], "s", c.Redis.Password)
	hex := "68756e74657232"
	if s := b.String(); strings.Contains(s, "hunter2") || strings.Contains(s, hex) || !strings.Contains(s, "[secret]") {
		t.Error(s)
	}
}
