package campaign

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestADamagedCampaignIsNamedAndHidesNoOther(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(l *ledger, key string) error{
		"a field is no number": func(l *ledger, key string) error { return l.rdb.HSet(l.t.Context(), key, "total", "abc").Err() },
		"it is of another type": func(l *ledger, key string) error {
			return errors.Join(l.rdb.Del(l.t.Context(), key).Err(), l.rdb.Set(l.t.Context(), key, "", 0).Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, 10)
			l.add("old", 3)
			l.rdb.ZAdd(t.Context(), l.keys.campaigns(), redis.Z{Member: l.camp.ID, Score: 1}, redis.Z{Member: "old", Score: 2})
			key := l.keys.campaign("old")
			if err := harm(l, key); err != nil {
				t.Fatal(err)
			}
			all, err := l.Campaigns(t.Context())
			var damaged ErrDamagedCampaign
			if len(all) != 1 || all[0].ID != l.camp.ID || !errors.As(err, &damaged) || damaged.ID != "old" || !Unreadable(err) {
				t.Errorf("%d campaigns, %v", len(all), err)
			}
			if text := err.Error(); !strings.Contains(text, key) || !strings.Contains(text, "backup") || !strings.Contains(text, "campaign delete old") {
				t.Errorf("the error does not say where and what next: %s", text)
			}
			if _, err := l.Campaign(t.Context(), "old"); !errors.As(err, &damaged) {
				t.Errorf("the damaged one: %v", err)
			}
			if _, err := l.Campaign(t.Context(), l.camp.ID); err != nil {
				t.Errorf("the other one: %v", err)
			}
			some, err := Look(t.Context(), l.rdb, l.pool.Name)
			if len(some) != 1 || err != nil {
				t.Errorf("looked: %d campaigns, %v", len(some), err)
			}
			if err := errors.Join(l.CloseDays(t.Context()), expired(l)); err != nil {
				t.Errorf("what the feeder does now and then: %v", err)
			}
		})
	}
}

func expired(l *ledger) error {
	_, err := l.Expire(l.t.Context())
	return err
}

func TestAHaltOfAnotherTypeIsNamed(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.rdb.Set(t.Context(), l.keys.halt(), "", 0)
	if _, err := l.Campaigns(t.Context()); err == nil || !strings.Contains(err.Error(), l.keys.halt()) || Unreadable(err) {
		t.Errorf("%v", err)
	}
}
