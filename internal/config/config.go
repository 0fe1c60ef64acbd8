// Package config reads rekey.yaml: which Redis, which user pools, how much of
// which quota.
//
// It promises that nothing starts on half an understanding: a key that it does
// not know, a value that cannot be right and a secret that cannot be read are
// errors that say where (file, line, key) and what to do, all of them at once,
// before anything has happened. A secret cannot be printed by accident. Its
// weak spot: whether a client id belongs to its pool only Cognito knows.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is what the file and the environment say, with the defaults filled in.
type Config struct {
	// Path is the file that was read.
	Path string
	// Redis is where the campaigns are.
	Redis Redis
	// WaitReplicas is how many replicas must have a call's mark before the call
	// goes out.
	WaitReplicas int
	// Listen is where a worker serves /metrics, /livez and /readyz; "" is off.
	Listen string
	// RosterKeys seal and open rosters: the first seals, all of them open.
	RosterKeys []RosterKey
	// KeysUnread says which keys of the file could not be read. Only
	// [LoadWithoutClientSecrets] leaves it: who pauses a campaign needs no key.
	KeysUnread error
	// Pools are the user pools by the name that every command uses.
	Pools map[string]Pool
	// Quotas holds every quota that a pool draws on, by name.
	Quotas map[string]Quota
}

// Pool is one app client of a user pool.
type Pool struct {
	Name   string
	Region string
	// ClientID is the app client of the page where users enter the code.
	ClientID string
	// ClientSecrets are none, one, or two during a rotation.
	ClientSecrets []Secret
	// Quota names the bucket that the pool draws on: one an account and Region.
	Quota string
	// Concurrency is how many calls a worker has in flight, waiting ones included.
	Concurrency int
	// CaseSensitive is as the pool is; it decides which usernames are one user.
	CaseSensitive bool
	// LambdaRefusals are texts by which the pool's Lambdas refuse one user.
	LambdaRefusals []string
	// Endpoint replaces AWS's, for the twin and for emulators.
	Endpoint string
	// Retention is how long a done campaign keeps its roster.
	Retention time.Duration
	// Hour is how long Cognito's hour lasts.
	Hour time.Duration
}

// Quota is a bucket's numbers.
type Quota struct {
	Name string
	// Limit is what AWS allows, a second.
	Limit float64
	// Share is the part of it that rekey may use.
	Share float64
	// Echo is how many confirmations a sent code brings, within the same quota.
	Echo float64
	// Burst is how many calls may go out at one instant.
	Burst int
	// Daily is the most calls in 24 hours; 0 is no budget.
	Daily int
}

// Rate is what rekey may use of the quota, in calls a second.
func (q Quota) Rate() float64 { return q.Limit * q.Share / (1 + q.Echo) }

// Load reads the file at path, else the one that REKEY_CONFIG names, else
// [DefaultPath], else [SystemPath], and lets the environment override it.
func Load(path string, getenv func(string) string) (*Config, error) {
	return load(path, getenv, true)
}

// LoadWithoutClientSecrets is [Load] for commands that talk to Redis and never
// to Cognito: the clients' secrets are not read, so an operator's machine need
// not hold them. Roster keys that cannot be read are in [Config.KeysUnread].
func LoadWithoutClientSecrets(path string, getenv func(string) string) (*Config, error) {
	return load(path, getenv, false)
}

func load(path string, getenv func(string) string, secrets bool) (*Config, error) {
	path, text, err := find(places(path, getenv))
	if err != nil {
		return nil, err
	}
	f := &file{name: path, dir: filepath.Dir(path), getenv: getenv, clientSecrets: secrets}
	c, err := f.parse(text)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Pool returns the pool of that name. With one pool in the file the name may
// be left out.
func (c *Config) Pool(name string) (Pool, error) {
	names := slices.Sorted(maps.Keys(c.Pools))
	if name == "" && len(names) == 1 {
		return c.Pools[names[0]], nil
	}
	list := strings.Join(names, ", ")
	if name == "" {
		return Pool{}, fmt.Errorf("%s has several pools: say which with --pool (%s)", c.Path, list)
	}
	p, ok := c.Pools[name]
	if !ok {
		return Pool{}, fmt.Errorf("%s has no pool %q; it has %s", c.Path, name, list)
	}
	return p, nil
}

// QuotaOf returns the quota that the pool draws on.
func (c *Config) QuotaOf(p Pool) Quota { return c.Quotas[p.Quota] }

// checkEndpoint wants an address that requests can be sent to as they are.
func checkEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("is not an address; write it as http://127.0.0.1:9229")
	}
	if u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("must be scheme, host and port alone, such as http://127.0.0.1:9229")
	}
	return nil
}
