package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Topology is how a Redis is put together.
type Topology uint8

// The topologies.
const (
	Single Topology = iota
	Cluster
	Sentinel
)

// Redis is the address of a Redis, taken apart.
type Redis struct {
	Topology Topology
	// TLS is true for the rediss forms.
	TLS bool
	// Addrs are host:port each, or one path of a unix socket.
	Addrs []string
	// Master is the name that the sentinels know.
	Master   string
	DB       int
	Username string
	Password Secret
}

// redisForms is what an error shows: every form that is understood.
const redisForms = "redis://HOST:6379/0, rediss://HOST:6379/0, unix:///PATH, redis+cluster://H1,H2, rediss+cluster://H1,H2, " +
	"redis+sentinel://H1,H2/MASTER/0 or rediss+sentinel://H1,H2/MASTER/0"

// redisSchemes says which scheme asks for what.
var redisSchemes = map[string]Redis{
	"redis":           {},
	"rediss":          {TLS: true},
	"unix":            {},
	"redis+cluster":   {Topology: Cluster},
	"rediss+cluster":  {Topology: Cluster, TLS: true},
	"redis+sentinel":  {Topology: Sentinel},
	"rediss+sentinel": {Topology: Sentinel, TLS: true},
}

// ParseRedis reads a Redis address. An error never repeats the address, which
// may hold a password. It does not use net/url for the whole: that refuses a
// list of hosts.
func ParseRedis(s string) (Redis, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	r, known := redisSchemes[scheme]
	if !ok || !known {
		return Redis{}, errors.New("is not an address of a Redis; write " + redisForms)
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	user, place, err := r.credentials(rest)
	if err != nil {
		return Redis{}, err
	}
	user.Addrs = nil
	if scheme == "unix" {
		return user.unix(place, query)
	}
	if hasQuery {
		return Redis{}, errors.New("options after ? are not understood: rekey sets time-outs and the like itself")
	}
	return user.network(place)
}

// credentials takes USER:PASSWORD@ off the front.
func (r Redis) credentials(rest string) (Redis, string, error) {
	authority, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return r, rest, nil
	}
	name, password, _ := strings.Cut(authority[:at], ":")
	name, err1 := url.PathUnescape(name)
	password, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return r, "", errors.New("user and password must be percent-encoded (a % is written %25, a / is %2F, an @ is %40)")
	}
	r.Username, r.Password = name, NewSecret(password)
	rest = authority[at+1:]
	if len(path) > 0 {
		rest += "/" + path
	}
	return r, rest, nil
}

func (r Redis) unix(path, query string) (Redis, error) {
	if !strings.HasPrefix(path, "/") || len(path) < 2 {
		return Redis{}, errors.New("the path of a unix socket must be absolute: unix:///run/redis/redis.sock")
	}
	r.Addrs = []string{path}
	if query == "" {
		return r, nil
	}
	db, ok := strings.CutPrefix(query, "db=")
	if !ok {
		return Redis{}, errors.New("after ? only db=N is understood")
	}
	return r.database(db)
}

func (r Redis) network(place string) (Redis, error) {
	hosts, path, _ := strings.Cut(place, "/")
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := r.address(host)
		if err != nil {
			return Redis{}, err
		}
		r.Addrs = append(r.Addrs, addr)
	}
	if r.Topology == Single && len(r.Addrs) > 1 {
		return Redis{}, errors.New("several hosts are a cluster (redis+cluster://) or sentinels (redis+sentinel://); write which")
	}
	if r.Topology != Sentinel {
		return r.database(path)
	}
	r.Master, path, _ = strings.Cut(path, "/")
	if r.Master == "" {
		return Redis{}, errors.New("the master's name is missing; write redis+sentinel://H1,H2/MASTER/0")
	}
	return r.database(path)
}

func (r Redis) database(s string) (Redis, error) {
	if s == "" {
		return r, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return Redis{}, errors.New("the database at the end must be a number, such as /0")
	}
	if n > 0 && r.Topology == Cluster {
		return Redis{}, errors.New("a Redis Cluster has database 0 only; leave it out")
	}
	r.DB = int(n)
	return r, nil
}

// address adds the port where it is left out.
func (r Redis) address(host string) (string, error) {
	port := "6379"
	if r.Topology == Sentinel {
		port = "26379"
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	n, err := strconv.ParseUint(port, 10, 16)
	if host == "" || err != nil || n == 0 || strings.ContainsAny(host, " \t@[]") {
		return "", errors.New("has a host or port that cannot be right; write " + redisForms)
	}
	return net.JoinHostPort(host, port), nil
}

// String returns the address without user and password.
func (r Redis) String() string {
	if len(r.Addrs) == 1 && strings.HasPrefix(r.Addrs[0], "/") {
		if r.DB > 0 {
			return fmt.Sprintf("unix://%s?db=%d", r.Addrs[0], r.DB)
		}
		return "unix://" + r.Addrs[0]
	}
	scheme := "redis"
	if r.TLS {
		scheme = "rediss"
	}
	hosts := strings.Join(r.Addrs, ",")
	switch r.Topology {
	case Cluster:
		return scheme + "+cluster://" + hosts
	case Sentinel:
		return fmt.Sprintf("%s+sentinel://%s/%s/%d", scheme, hosts, r.Master, r.DB)
	}
	return fmt.Sprintf("%s://%s/%d", scheme, hosts, r.DB)
}
