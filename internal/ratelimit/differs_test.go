package ratelimit

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestWhoOnlyLooksLearnsWhichNumberDiffers(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
		other := ten
		other.Echo = 0.25
		if d := state(t, b).Differs(other); d != nil {
			t.Errorf("from a bucket that nobody holds: %v", d)
		}
		wait(t, b, "p")
		s := state(t, b)
		if d := s.Differs(ten); d != nil {
			t.Errorf("the same numbers: %v", d)
		}
		d := s.Differs(other)
		if d == nil || d.Key != "echo" || d.Theirs != "0" || d.Ours != "0.25" || d.By != "w1" || d.Left <= 0 || d.Left > lease {
			t.Errorf("other numbers: %+v", d)
		}
		time.Sleep(2 * lease)
		if d := state(t, b).Differs(other); d != nil {
			t.Errorf("from workers that have gone: %v", d)
		}
	})
}
