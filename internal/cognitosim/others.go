package cognitosim

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Others are other people's calls on the same quota: the users who enter a code
// or ask for one themselves. They come by chance, none knowing of another.
type Others []Step

// Step is a rate of the others' calls, and since when.
type Step struct {
	After time.Duration // since the twin was made
	Rate  float64       // calls a second
}

// Steadily is others that call at one rate.
func Steadily(rate float64) Others { return Others{{Rate: rate}} }

// ParseOthers reads "10", or "10,20s:40,30s:10": ten a second, after twenty
// seconds forty, after thirty ten again.
func ParseOthers(s string) (Others, error) {
	var o Others
	for i, part := range strings.Split(s, ",") {
		var step Step
		after, rate, timed := strings.Cut(part, ":")
		if !timed {
			after, rate = "0s", part
		}
		var err error
		if step.Rate, err = strconv.ParseFloat(rate, 64); err != nil || !(step.Rate >= 0) || step.Rate > 1e6 {
			return nil, fmt.Errorf("%q is no rate of calls a second", rate)
		}
		if step.After, err = time.ParseDuration(after); err != nil {
			return nil, fmt.Errorf("%q is no length of time; write 10,20s:40 for 40 calls a second after 20 s", after)
		}
		if timed == (i == 0) || i > 0 && step.After <= o[i-1].After {
			return nil, fmt.Errorf("%q: the first rate stands alone, and each time after it is later than the one before", s)
		}
		o = append(o, step)
	}
	return o, nil
}

// most is the highest of the rates.
func (o Others) most() float64 {
	var most float64
	for _, step := range o {
		most = max(most, step.Rate)
	}
	return most
}

// at is the rate after so long.
func (o Others) at(after time.Duration) float64 {
	var rate float64
	for _, step := range o {
		if step.After <= after {
			rate = step.Rate
		}
	}
	return rate
}

// Count is what became of the others' calls in a second.
type Count struct {
	Calls     int `json:"calls"`
	Throttled int `json:"throttled"`
}

// crowd makes the others' calls. Nothing happens between two looks at it: what
// was due meanwhile is made up for then, which comes to the same.
type crowd struct {
	others  Others
	most    float64
	began   time.Time
	next    time.Time // when the next of them calls, if the rate is the highest
	rng     *rand.Rand
	seconds map[int64]Count
}

func newCrowd(o Options, now time.Time) crowd {
	c := crowd{others: o.Others, most: o.Others.most(), began: now,
		rng: rand.New(rand.NewPCG(o.Seed, 1)), seconds: map[int64]Count{}}
	if c.most > 0 {
		c.next = now.Add(c.gap())
	}
	return c
}

// gap is the time between two calls at the highest rate.
func (c *crowd) gap() time.Duration {
	return time.Duration(c.rng.ExpFloat64() / c.most * float64(time.Second))
}

// until lets the others make the calls that were due by now. What they did more
// than an hour ago nobody asks for any more, and the quota has long been refilled.
func (c *crowd) until(now time.Time, take func(time.Time) bool) {
	if c.most <= 0 {
		return
	}
	if long := now.Add(-time.Hour); c.next.Before(long) {
		c.next = long
	}
	for ; !c.next.After(now); c.next = c.next.Add(c.gap()) {
		// At a lower rate than the highest only so many of them call.
		if c.rng.Float64()*c.most >= c.others.at(c.next.Sub(c.began)) {
			continue
		}
		n := c.seconds[c.next.Unix()]
		n.Calls++
		if !take(c.next) {
			n.Throttled++
		}
		c.seconds[c.next.Unix()] = n
	}
}

// OthersBySecond returns what became of the others' calls in each second of
// Unix time.
func (s *Sim) OthersBySecond() map[int64]Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota.othersUntil(time.Now())
	return maps.Clone(s.quota.crowd.seconds)
}

// othersPath is no path of Cognito's: the twin's own answer about the others.
const othersPath = "/others"

// OthersInSecond is a line of what GET /others answers.
type OthersInSecond struct {
	Second int64 `json:"second"`
	Count
}

// tellOthers answers GET /others: a JSON object a line for each second.
func (s *Sim) tellOthers(w http.ResponseWriter) {
	seconds := s.OthersBySecond()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for _, second := range slices.Sorted(maps.Keys(seconds)) {
		if err := out.Encode(OthersInSecond{second, seconds[second]}); err != nil {
			return // who asked has left
		}
	}
}
