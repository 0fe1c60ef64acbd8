package cognitosim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// tally adds up what became of the others' calls between two times.
func tally(s *cognitosim.Sim, from, to time.Time) (sum cognitosim.Count) {
	for second, n := range s.OthersBySecond() {
		if second >= from.Unix() && second < to.Unix() {
			sum.Calls += n.Calls
			sum.Throttled += n.Throttled
		}
	}
	return sum
}

func TestTheOthersCallAtTheirRateByTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		others, err := cognitosim.ParseOthers("10,100s:40,200s:0,300s:5")
		if err != nil {
			t.Fatal(err)
		}
		s := cognitosim.New(cognitosim.Options{Others: others, Burst: 30})
		began := time.Now()
		time.Sleep(400 * time.Second) // nobody has looked meanwhile
		for i, want := range []struct{ least, most, throttledLeast, throttledMost int }{
			{900, 1100, 0, 0}, {3800, 4200, 850, 1150}, {0, 0, 0, 0}, {440, 560, 0, 0},
		} {
			from := began.Add(time.Duration(i) * 100 * time.Second)
			n := tally(s, from, from.Add(100*time.Second))
			if n.Calls < want.least || n.Calls > want.most || n.Throttled < want.throttledLeast || n.Throttled > want.throttledMost {
				t.Errorf("from %d s: %+v, want %+v", 100*i, n, want)
			}
		}
	})
}

// What the caller takes is taken from the others, and their throttles say so.
func TestTheOthersThrottlesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := cognitosim.Options{Others: cognitosim.Steadily(10), Burst: 30, Users: cognitosim.Users{N: 10000}, PerUserHour: -1, Forget: true}
		alone, shared := cognitosim.New(o), cognitosim.New(o)
		began := time.Now()
		passed := 0
		for i := range 6000 { // 60 a second
			if forgot(t, shared, fmt.Sprintf("user%06d", i)).code() == "OK" {
				passed++
			}
			time.Sleep(time.Second / 60)
		}
		a, s := tally(alone, began, time.Now()), tally(shared, began, time.Now())
		if a.Throttled != 0 || a.Calls != s.Calls {
			t.Errorf("alone %+v, beside the caller %+v: with one seed they are the same calls", a, s)
		}
		if s.Throttled < s.Calls/3 || passed+s.Calls-s.Throttled > 3030+10 {
			t.Errorf("%d of the caller's and %+v of the others' in 100 s of 30/s", passed, s)
		}
	})
}

func TestOthersAreToldBySecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(cognitosim.Options{Others: cognitosim.Steadily(20), Burst: 30})
		time.Sleep(10 * time.Second)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/others", nil))
		told := map[int64]cognitosim.Count{}
		for d := json.NewDecoder(w.Body); d.More(); {
			var line cognitosim.OthersInSecond
			if err := d.Decode(&line); err != nil {
				t.Fatal(err)
			}
			told[line.Second] = line.Count
		}
		if want := s.OthersBySecond(); len(told) < 10 || !reflect.DeepEqual(told, want) {
			t.Errorf("told %v, counted %v", told, want)
		}
		if s.Calls() != 0 {
			t.Error("asking about the others counts as a call")
		}
	})
}

func TestOthersThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":              "no rate",
		"-1":            "no rate",
		"many":          "no rate",
		"NaN":           "no rate",
		"1e9":           "no rate",
		"10,40":         "stands alone",
		"5s:10":         "stands alone",
		"10,5:40":       "no length of time",
		"10,5s:4,5s:2":  "later than",
		"10,-5s:4":      "later than",
		"10,5s:x":       "no rate",
		"10,9s:4,,2s:1": "no rate",
	} {
		if o, err := cognitosim.ParseOthers(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", text, o, err, want)
		}
	}
}
