package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The defaults, and the bounds that are not obvious.
const (
	defaultListen      = "127.0.0.1:9464"
	defaultConcurrency = 64
	defaultRetention   = 720 * time.Hour
	cognitosHour       = time.Hour
	// shortestHour: a call's deadline is a tenth of it, and a deadline under a
	// second would time out good calls.
	shortestHour = 10 * time.Second
	// mostReplicas: each one that is waited for is one that can hold up every call.
	mostReplicas = 5
)

func newQuota(name string) Quota {
	return Quota{Name: name, Limit: 30, Share: 0.8, Echo: 0.4, Burst: 2}
}

func (f *file) parse(text []byte) (*Config, error) {
	root, err := f.root(text)
	if err != nil {
		return nil, err
	}
	c := &Config{Path: f.name, Listen: defaultListen, Pools: map[string]Pool{}, Quotas: map[string]Quota{}}
	password := ""
	where := map[string]node{} // of quotas, for those that nobody uses
	root.fields([]field{
		{"redis", value(&c.Redis, ParseRedis)},
		{"redis_password_file", value(&password, parseText)},
		{"wait_replicas", value(&c.WaitReplicas, between(0, mostReplicas))},
		{"listen", value(&c.Listen, parseListen)},
		{"roster_keys", func(n node) { n.rosterKeys(c) }},
		{"pools", func(n node) { n.pools(c.Pools) }},
		{"quotas", func(n node) { n.quotas(c.Quotas, where) }},
	})
	f.environment(c)
	f.password(c, root, password)
	if root.resolve().Kind == yaml.MappingNode {
		root.complete()
	}
	if len(f.problems) == 0 {
		connectQuotas(c, where)
	}
	return c, f.err()
}

// environment lets REKEY_* override the file.
func (f *file) environment(c *Config) {
	if s := f.getenv("REKEY_REDIS"); s != "" {
		r, err := ParseRedis(s)
		f.override("REKEY_REDIS", err)
		c.Redis = r
	}
	if s := f.getenv("REKEY_LISTEN"); s != "" {
		addr, err := parseListen(s)
		f.override("REKEY_LISTEN", err)
		c.Listen = addr
	}
}

func (f *file) override(name string, err error) {
	if err != nil {
		f.problems = append(f.problems, &Problem{File: f.name, Key: name, Text: err.Error()})
	}
}

// password reads redis_password_file. An address that brings a password of its
// own keeps it only if it came from the environment, which overrides the file.
func (f *file) password(c *Config, root node, path string) {
	if path == "" {
		return
	}
	n := root.child("redis_password_file")
	if !c.Redis.Password.IsZero() {
		if f.getenv("REKEY_REDIS") == "" {
			n.fail("redis holds a password as well; keep one of them")
		}
		return
	}
	text, err := f.readSecret(path)
	if err != nil {
		n.fail("%s", err)
		return
	}
	c.Redis.Password = NewSecret(text)
}

// complete asks for what has no default.
func (n node) complete() {
	if !n.has("redis") && n.f.getenv("REKEY_REDIS") == "" {
		n.fail("redis is missing; write  redis: redis://127.0.0.1:6379/0  or set REKEY_REDIS")
	}
	if !n.has("pools") {
		n.fail("pools is missing; write  pools: {prod: {region: eu-west-1, client_id: ID}}")
	}
}

func (n node) pools(pools map[string]Pool) {
	for name, entry := range n.entries() {
		if !poolName.MatchString(name) {
			entry.fail("a pool's name is up to 40 of a-z 0-9 - and begins with a letter or digit")
			continue
		}
		if strings.HasSuffix(name, "-urgent") {
			// rekey-NAME-urgent is pool NAME's queue for urgent resets.
			entry.fail("a pool's name must not end in -urgent: its queue would be another pool's")
			continue
		}
		pools[name] = entry.pool(name)
	}
	if n.resolve().Kind == yaml.MappingNode && len(pools) == 0 && len(n.f.problems) == 0 {
		n.fail("there must be at least one pool; write  prod: {region: eu-west-1, client_id: ID}")
	}
}

func (n node) pool(name string) Pool {
	p := Pool{Name: name, Concurrency: defaultConcurrency, Retention: defaultRetention, Hour: cognitosHour}
	before := len(n.f.problems)
	n.fields([]field{
		{"region", value(&p.Region, parseRegion)},
		{"client_id", value(&p.ClientID, parseClientID)},
		{"client_secrets", func(s node) { p.ClientSecrets = s.secrets() }},
		{"quota", value(&p.Quota, parseQuota)},
		{"concurrency", value(&p.Concurrency, between(1, 10_000))},
		{"case_sensitive", value(&p.CaseSensitive, parseBool)},
		{"lambda_refusals", func(s node) { p.LambdaRefusals = s.texts() }},
		{"endpoint", value(&p.Endpoint, parseEndpoint)},
		{"retention", value(&p.Retention, lasting(time.Minute, 10*365*24*time.Hour))},
		{"hour", value(&p.Hour, lasting(shortestHour, cognitosHour))},
	})
	if len(n.f.problems) == before {
		n.completePool(p)
	}
	if p.Quota == "" {
		p.Quota = p.Region
	}
	return p
}

// completePool looks at what only shows when all keys are read.
func (n node) completePool(p Pool) {
	if p.Region == "" {
		n.fail("region is missing; write  region: eu-west-1")
	}
	if p.ClientID == "" {
		n.fail("client_id is missing: the id of the app client of the page where users enter the code")
	}
	if p.Hour < cognitosHour && p.Endpoint == "" {
		n.child("hour").fail("AWS's hour lasts 1h; a shorter one goes only together with endpoint, for rehearsals at the twin")
	}
}

func (n node) texts() []string {
	var all []string
	for item := range n.items() {
		text := ""
		value(&text, parseText)(item)
		if strings.TrimSpace(text) == "" {
			item.fail("must not be empty: it would match every answer")
		}
		all = append(all, text)
	}
	return all
}

func (n node) quotas(quotas map[string]Quota, where map[string]node) {
	for name, entry := range n.entries() {
		if _, err := parseQuota(name); err != nil {
			entry.fail("%s", err)
			continue
		}
		q := newQuota(name)
		entry.fields([]field{
			{"limit", value(&q.Limit, above(0, 100_000))},
			{"share", value(&q.Share, above(0, 1))},
			{"echo", value(&q.Echo, parseEcho)},
			{"burst", value(&q.Burst, between(1, 10_000))},
			{"daily", value(&q.Daily, between(0, 1_000_000_000))},
		})
		quotas[name], where[name] = q, entry
	}
}

// connectQuotas gives every pool its quota. A quota that no pool draws on is
// refused: it is a misspelt one, and the pool would run on the defaults.
func connectQuotas(c *Config, where map[string]node) {
	used := map[string]bool{}
	for _, p := range c.Pools {
		used[p.Quota] = true
		if _, ok := c.Quotas[p.Quota]; !ok {
			c.Quotas[p.Quota] = newQuota(p.Quota)
		}
	}
	for name, n := range where {
		if !used[name] {
			n.fail("no pool draws on this quota: give a pool  quota: %s  or take it out", name)
		}
	}
}
