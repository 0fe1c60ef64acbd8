package rig

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// Twin is a running twin of Cognito.
type Twin struct {
	Address string // host and port
	Began   time.Time
	journal string
}

// Twin starts one with so many users, without a quota and without latency
// unless the arguments say otherwise. Users are user000000 and so on.
func (s *Stage) Twin(users int, args ...string) (*Twin, error) {
	t := &Twin{journal: s.Path(fmt.Sprintf("journal-%d", len(s.ends)))}
	p, err := s.Go("", "cognitosim", append([]string{
		"--addr", "127.0.0.1:0", "--users", strconv.Itoa(users), "--quota", "0", "--latency", "0s", "--journal", t.journal,
	}, args...)...)
	if err != nil {
		return nil, err
	}
	if t.Address, err = p.Address(patience); err != nil {
		return nil, fmt.Errorf("the twin: %w", err)
	}
	t.Began = time.Now()
	return t, nil
}

// Journal returns the calls so far, in their order. The last line may be half
// written: then it is left out.
func (t *Twin) Journal() ([]cognitosim.Entry, error) {
	text, err := os.ReadFile(t.journal)
	if err != nil {
		return nil, err
	}
	var calls []cognitosim.Entry
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break
		}
		var e cognitosim.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("the journal: %w in %q", err, line)
		}
		calls = append(calls, e)
	}
	return calls, nil
}

// Others returns what became of other people's calls, second by second.
func (t *Twin) Others(ctx context.Context) (all []cognitosim.OthersInSecond, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.Address+"/others", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the twin: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	for lines := json.NewDecoder(answer.Body); lines.More(); {
		var one cognitosim.OthersInSecond
		if err := lines.Decode(&one); err != nil {
			return nil, fmt.Errorf("the twin, of others: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}

// Called returns when somebody has called.
func (t *Twin) Called(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if info, err := os.Stat(t.journal); err == nil && info.Size() > 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("nobody has called the twin: %w", ctx.Err())
		}
	}
}

// Users writes the twin's users as a CSV, and returns its path.
func (s *Stage) Users(ctx context.Context, n int) (string, error) {
	r, err := s.Run(ctx, "", "cognitosim", "users", "--users", strconv.Itoa(n))
	if err != nil {
		return "", err
	}
	return s.Write(fmt.Sprintf("users-%d.csv", n), r.Stdout)
}

// Config is what differs between the configurations of benchmarks.
type Config struct {
	Redis string // as in rekey.yaml: embedredis.Server.URL, or a proxy's
	Twin  string // an address
	// Rate is the quota's limit, of which all is used.
	Rate  float64
	Burst int    // 0 is the default
	Quota string // instead of both, YAML flow: "limit: 30"
	Pool  string // more of the pool's settings, YAML flow: "concurrency: 128, "
	Key   bool   // rosters are encrypted
}

// NoQuota is the highest rate there is: nobody reaches it here.
const NoQuota = 100_000

// Configure writes a rekey.yaml with one pool named bench, and returns its path.
func (s *Stage) Configure(name string, c Config) (string, error) {
	var keys string
	if c.Key {
		// 32 bytes, as any others; a file with a name is found beside rekey.yaml.
		if _, err := s.Write("roster-key", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("rk"), 16))); err != nil {
			return "", err
		}
		keys = "roster_keys: [{file: roster-key}]"
	}
	if c.Quota == "" {
		c.Quota = fmt.Sprintf("limit: %g, share: 1, echo: 0, burst: %d", c.Rate, max(2, c.Burst))
	}
	return s.Write(name, fmt.Sprintf(`
redis: %s
listen: 127.0.0.1:0
%s
pools:
  bench: {region: eu-west-1, client_id: rekeytwin, endpoint: "http://%s", %squota: bench}
quotas:
  bench: {%s}
`, c.Redis, keys, c.Twin, c.Pool, c.Quota))
}
