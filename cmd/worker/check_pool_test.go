package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
)

func configOf(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	return config.Load(configFile(t, text), nowhere)
}

func TestOtherWorkersNumbersAreNamed(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	worker := ratelimit.New(redistest.Client(t, s), ratelimit.Quota{Name: "eu-west-1", Limit: 30, Share: 0.5, Echo: 0.4, Burst: 2},
		ratelimit.Options{Worker: "w1"})
	if _, err := worker.Wait(t.Context(), "prod", false); err != nil {
		t.Fatal(err)
	}
	c := checkFile(t, onePool(s.URL()))
	c.want(t, "quota eu-west-1/numbers", warned, "share is 0.8 here and 0.5 at worker w1", "stands by", "make the files agree")
	same := checkFile(t, onePool(s.URL(), "quotas: {eu-west-1: {share: 0.5}}"))
	same.allFine(t)
	same.want(t, "quota eu-west-1/numbers", fine, "10.7/s of 30.0/s, as at worker w1")
}

func TestALimitThatAWSDoesNotGiveIsSaid(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	const forty = "quotas: {eu-west-1: {limit: 40}}"
	checkFile(t, onePool(s.URL(), forty)).want(t, "quota eu-west-1/numbers", warned, "AWS allows an account 30", "set limit: 30")
	twin := strings.Replace(onePool(s.URL(), forty), "client_id:", "endpoint: http://127.0.0.1:9, client_id:", 1)
	c := checkFile(t, twin)
	c.want(t, "quota eu-west-1/numbers", fine)
	c.want(t, "pool prod/client", warned, "not AWS: http://127.0.0.1:9 is called", "take endpoint out")
}

func TestWhoServesThePoolAndWhatStandsInItsWayIsSaid(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	rdb := redistest.Client(t, s)
	store := running(t, rdb, 10)
	if err := store.Presence(t.Context(), campaign.Worker{Name: "w1", Info: "v1.2"}); err != nil {
		t.Fatal(err)
	}
	quota := ratelimit.Quota{Name: "eu-west-1", Limit: 30, Share: 0.8, Echo: 0.4, Burst: 2}
	bucket := ratelimit.New(rdb, quota, ratelimit.Options{Worker: "w1"})
	file := onePool(s.URL())
	c := checkFile(t, file)
	c.allFine(t)
	c.want(t, "pool prod/workers", fine, "1: w1 v1.2")
	c.want(t, "pool prod/halts", fine, "none")

	hash := func(key string, values ...any) {
		t.Helper()
		if err := rdb.HSet(t.Context(), "rekey:{prod}:"+key, values...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	hash("halt", "reason", "three answers", "next", "correct it", "cause", "ResourceNotFound", "at", time.Now().UnixMilli())
	checkFile(t, file).want(t, "pool prod/halts", warned, "the pool is halted since "+time.Now().UTC().Format("2006-"), "three answers", "correct it")
	if err := store.ClearHalt(t.Context()); err != nil {
		t.Fatal(err)
	}
	hash("c:breach", "state", string(campaign.Halted), "reason", "too many dead", "next", "look at them")
	checkFile(t, file).want(t, "pool prod/halts", warned, "breach is halted: too many dead", "look at them")
	hash("c:breach", "state", string(campaign.Running))

	if err := bucket.Block(t.Context(), "prod", time.Hour, "the breaker of w1"); err != nil {
		t.Fatal(err)
	}
	checkFile(t, file).want(t, "pool prod/tokens", warned, "none: hold until ", "(the breaker of w1)", "nothing is sent until then")
	if err := bucket.Unblock(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	checkFile(t, file).allFine(t)
}

func TestWorkersThatDoNotReachCognitoAreNotFitToSend(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	store := running(t, redistest.Client(t, s), 10)
	back := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
	present := func(w campaign.Worker) {
		t.Helper()
		if err := store.Presence(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	present(campaign.Worker{Name: "w1", Away: back})
	present(campaign.Worker{Name: "w2"})
	file := onePool(s.URL())
	checkFile(t, file).want(t, "pool prod/workers", warned, "2: w1, w2", "1 of 2 have no way to Cognito until "+cli.Time(back), "their logs say why")
	present(campaign.Worker{Name: "w2", Away: back.Add(time.Minute)})
	checkFile(t, file).want(t, "pool prod/workers", warned, "2 of 2 have no way to Cognito until "+cli.Time(back))
	present(campaign.Worker{Name: "w1", Away: time.Now().Add(-time.Minute)})
	present(campaign.Worker{Name: "w2"})
	checkFile(t, file).allFine(t)
}

func TestAThrottledQuotaAndASpentBudgetAreSaid(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	take := func(daily int) (*ratelimit.Bucket, ratelimit.Token) {
		t.Helper()
		name := fmt.Sprintf("daily-%d", daily)
		b := ratelimit.New(redistest.Client(t, s), ratelimit.Quota{Name: name, Limit: 30, Share: 0.8, Echo: 0.4, Burst: 2, Daily: daily},
			ratelimit.Options{Worker: "w1"})
		token, err := b.Wait(t.Context(), "prod", false)
		if err != nil {
			t.Fatal(err)
		}
		return b, token
	}
	file := func(daily int) string {
		pool := fmt.Sprintf("quota: daily-%d, client_id:", daily)
		return strings.Replace(onePool(s.URL(), fmt.Sprintf("quotas: {daily-%d: {daily: %d}}", daily, daily)), "client_id:", pool, 1)
	}
	take(1)
	checkFile(t, file(1)).want(t, "pool prod/tokens", warned, "none: budget until ")
	bucket, token := take(0)
	checkFile(t, file(0)).allFine(t)
	if _, err := bucket.Throttled(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	checkFile(t, file(0)).want(t, "pool prod/tokens", warned, "throttled: 1.1/s allowed of 17.1/s", "returns by itself")
}

func TestAPoolWhoseKeysAreNotOursIsAFail(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	rdb := redistest.Client(t, s)
	if err := rdb.Set(t.Context(), "rekey:{prod}:live-key", "short", 0).Err(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, onePool(s.URL())).want(t, "pool prod/campaigns", failed, "it was not written by rekey")
	if err := rdb.Del(t.Context(), "rekey:{prod}:live-key").Err(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, onePool(s.URL())).allFine(t)
}

func TestADamagedCampaignIsNamedAndTheOthersAreLookedAt(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	rdb := redistest.Client(t, s)
	running(t, rdb, 10)
	rdb.HSet(t.Context(), "rekey:{prod}:c:old", "total", "abc")
	rdb.ZAdd(t.Context(), "rekey:{prod}:campaigns", redis.Z{Member: "old"})
	c := checkFile(t, onePool(s.URL()))
	c.want(t, "pool prod/campaigns", warned, "campaign old cannot be read", "restore that key from a backup")
	c.want(t, "pool prod/halts", fine, "none")
}

func TestAPauseOfAsynqsToolsIsSaid(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	rdb := redistest.Client(t, s)
	checkFile(t, onePool(s.URL())).want(t, "pool prod/queues", fine, "nobody has paused them")
	rdb.Set(t.Context(), "asynq:{rekey-prod-urgent}:paused", "1", 0)
	c := checkFile(t, onePool(s.URL()))
	c.want(t, "pool prod/queues", warned, "nothing of them is sent: rekey-prod-urgent", "redis-cli DEL asynq:{rekey-prod-urgent}:paused")
}
