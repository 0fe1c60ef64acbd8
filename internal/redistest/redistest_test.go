package redistest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestEachTestHasARedisOfItsOwn(t *testing.T) {
	a, b := New(t), New(t)
	if err := a.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n := b.Exists(t.Context(), "k").Val(); n != 0 {
		t.Error("the second server has the first one's key")
	}
}

func TestInABubbleKeysExpireByTheBubblesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rdb, _ := Memory(t)
		if err := rdb.Set(t.Context(), "k", "v", time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		if n := rdb.Exists(t.Context(), "k").Val(); n != 1 {
			t.Error("the key expired early")
		}
		time.Sleep(2 * time.Minute)
		if n := rdb.Exists(t.Context(), "k").Val(); n != 0 {
			t.Error("the key did not expire")
		}
	})
}
