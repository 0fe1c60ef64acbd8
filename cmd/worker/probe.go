package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// tokenWait outlasts the lease of a check that ran a moment ago with other
	// numbers, which is nobody who would renew it.
	tokenWait = 40 * time.Second
	checkName = "check-"
)

// byCheck reports whether a bucket's holder is no worker but this command.
func byCheck(worker string) bool { return strings.HasPrefix(worker, checkName) }

// probe makes one call with each of the pool's secrets, and no further one when
// the answer is not about the secret.
func (k *check) probe(ctx context.Context, p config.Pool) {
	about := "pool " + p.Name
	if why := k.noProbe(ctx, p); why != "" {
		k.add(about, "probe", finding{Level: failed, Says: "not made: " + why})
		return
	}
	bucket := ratelimit.New(k.rdb, ratelimit.Quota(k.cfg.QuotaOf(p)), ratelimit.Options{Worker: checkName + workerName()})
	clients := oneSecretEach(clientConfig(p))
	var found []finding
	for _, c := range clients {
		f, goOn := probeWith(ctx, c, bucket, p.Name)
		found = append(found, f)
		if !goOn {
			break
		}
	}
	for i, f := range rotation(found) {
		name := "probe"
		if len(clients) > 1 {
			name = fmt.Sprintf("probe, secret %d", i+1)
		}
		k.add(about, name, f)
	}
}

// noProbe says why there will be no token. Without one nothing leaves.
func (k *check) noProbe(ctx context.Context, p config.Pool) string {
	if k.blind {
		return "without Redis there is no token, and without a token nothing is sent"
	}
	state, err := ratelimit.Peek(ctx, k.rdb, p.Quota)
	if err != nil {
		return k.error(err).Says
	}
	if stopped(state, p) {
		return "there is no token, " + state.LimitedBy(p.Name)
	}
	if d := state.Differs(ratelimit.Quota(k.cfg.QuotaOf(p))); d != nil && !byCheck(d.By) {
		return fmt.Sprintf("there is no token, worker %s holds the bucket with another %s", d.By, d.Key)
	}
	return ""
}

// oneSecretEach makes of a rotation two clients: the worker's own would go over
// to the second secret by itself, and not say which is the good one.
func oneSecretEach(c cognito.Config) []cognito.Config {
	if len(c.ClientSecrets) < 2 {
		return []cognito.Config{c}
	}
	var all []cognito.Config
	for _, s := range c.ClientSecrets {
		one := c
		one.ClientSecrets = []string{s}
		all = append(all, one)
	}
	return all
}

// probeWith makes one call, and says whether another secret is worth one.
func probeWith(ctx context.Context, c cognito.Config, bucket *ratelimit.Bucket, pool string) (f finding, goOn bool) {
	client, err := cognito.New(c)
	if err != nil {
		return finding{Level: failed, Says: "not made: " + err.Error()}, false
	}
	defer client.Close()
	err = ask(ctx, client, bucket, pool)
	_, cause := reset.OutcomeOf(err)
	return judge(err), cause == reset.NoCause || cause == reset.UserNotFound || cause == reset.NotAuthorizedSecretHash
}

// ask makes the call, with a token.
func ask(ctx context.Context, client *cognito.Client, bucket *ratelimit.Bucket, pool string) error {
	if err := client.Dial(ctx); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, tokenWait)
	defer cancel()
	token, err := bucket.Wait(wait, pool, true)
	if err != nil {
		return errors.Join(errNoToken, err)
	}
	_, err = client.ForgotPassword(ctx, reset.Request{Username: nobody()}, token.NotAfter())
	return err
}

var errNoToken = errors.New("there was no token in time")

// nobody is a name that no user has: it is random, and an address of a domain
// that cannot exist, for pools whose users are known by their addresses.
func nobody() reset.Personal {
	return reset.Hide("rekey-check-" + strings.ToLower(rand.Text()) + "@rekey.invalid")
}

// rotation: of two secrets one is enough, and the other is worth a warning.
func rotation(found []finding) []finding {
	if len(found) < 2 {
		return found
	}
	for i, other := range []int{1, 0} {
		if found[i].Level == failed && found[other].Level != failed {
			found[i].Level, found[i].Do = warned, "the other one works: take this one out when the rotation is over"
		}
	}
	return found
}
