package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// deed is something that a script does.
type deed string

// What happens to workers, to Redis, to the ways between them and to the twin,
// and what the operator does.
const (
	kill        deed = "kill -9 of a worker"
	start       deed = "start of a worker"
	stop        deed = "SIGSTOP of a worker"
	cont        deed = "SIGCONT of a worker"
	term        deed = "SIGTERM of a worker"
	killRedis   deed = "kill -9 of Redis"
	startRedis  deed = "start of Redis"
	cutRedis    deed = "cut to Redis"
	deafRedis   deed = "answers of Redis lost"
	slowRedis   deed = "slow way to Redis"
	holdLedger  deed = "the ledger's node stands still"
	cutTwin     deed = "cut to the twin"
	deafTwin    deed = "answers of the twin lost"
	slowTwin    deed = "slow way to the twin"
	healRedis   deed = "good way to Redis"
	healTwin    deed = "good way to the twin"
	pauseResume deed = "pause and resume"
	replay      deed = "replay"
	again       deed = "the queue delivers again"
	secondLoad  deed = "load of a second campaign"
)

// step is a deed at its time.
type step struct {
	at     time.Duration
	deed   deed
	worker int
	length time.Duration
}

func (s step) String() string {
	return fmt.Sprintf("%6.2fs %s, worker %d, %v", s.at.Seconds(), s.deed, s.worker, s.length)
}

// card is a deed of which there are some in every deck.
type card struct {
	deed        deed
	least, most time.Duration // how long it lasts
	ends        deed          // what ends it
	copies      int
}

// deck is what is dealt, again and again, in another order each time: so a
// short run has something of everything. Both ways to the twin are late by less
// than the margin between Cognito's hour and rekey's, because a request that is
// on the way for longer is beyond every promise.
var deck = []card{
	{kill, 0, 2 * time.Second, start, 3},
	{stop, 300 * time.Millisecond, 9 * time.Second, cont, 2},
	{term, 0, time.Second, start, 1},
	{killRedis, 0, 2 * time.Second, startRedis, 1},
	{cutRedis, 0, 3 * time.Second, healRedis, 1},
	{deafRedis, 100 * time.Millisecond, 1500 * time.Millisecond, healRedis, 2},
	{slowRedis, 5 * time.Millisecond, 150 * time.Millisecond, healRedis, 1},
	{holdLedger, 300 * time.Millisecond, 950 * time.Millisecond, healRedis, 1},
	{cutTwin, 0, time.Second, healTwin, 1},
	{deafTwin, 100 * time.Millisecond, time.Second, healTwin, 1},
	{slowTwin, 50 * time.Millisecond, 700 * time.Millisecond, healTwin, 1},
}

// operator's deck, dealt beside the other one.
var operators = []card{
	{pauseResume, 200 * time.Millisecond, 2 * time.Second, "", 2},
	{replay, 0, 0, "", 1},
	{again, 0, 0, "", 4},
}

const (
	// slowFor is how long a slow way stays slow; a card's length is by how much.
	slowFor = 3 * time.Second
	pace    = 1200 * time.Millisecond // the mean time between two deeds
	// operatorsPace leaves commands the time they take.
	operatorsPace = 3 * time.Second
)

// everything is the number that stands for what hits all workers or Redis.
const everything = -1

// faults is a script of what goes wrong: the same for the same seed. What a
// deed began has ended when the script ends.
func faults(seed uint64, d time.Duration) []step {
	rng := rand.New(rand.NewPCG(seed, 1))
	free := map[string]time.Duration{} // from when on something is whole again
	var steps []step
	for at, hand := pace, []card(nil); at < d; at += between(rng, pace/2, 3*pace/2) {
		if len(hand) == 0 {
			hand = shuffled(rng, deck)
		}
		c, s := hand[0], step{at: at, worker: rng.IntN(workers)}
		s.deed, s.length = c.deed, between(rng, c.least, c.most)
		hand = hand[1:]
		what, end := c.hits(s)
		if at < free[what] {
			continue
		}
		free[what] = end + pace/4
		steps = append(steps, s, step{at: end, deed: c.ends, worker: s.worker})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	return steps
}

// hits says what a deed breaks and until when.
func (c card) hits(s step) (what string, end time.Duration) {
	end = s.at + s.length
	switch c.ends {
	case startRedis:
		return "redis", end
	case start, cont:
		return fmt.Sprint("process ", s.worker), end
	}
	if s.deed == slowRedis || s.deed == slowTwin {
		end = s.at + slowFor
	}
	return fmt.Sprint(c.ends, s.worker), end
}

// operations is the script of what the operator does.
func operations(seed uint64, d time.Duration) []step {
	rng := rand.New(rand.NewPCG(seed, 2))
	var steps []step
	for at, hand := operatorsPace, []card(nil); at < d; at += between(rng, operatorsPace/2, 3*operatorsPace/2) {
		if len(hand) == 0 {
			hand = shuffled(rng, operators)
		}
		c := hand[0]
		hand = hand[1:]
		steps = append(steps, step{at: at, deed: c.deed, worker: everything, length: between(rng, c.least, c.most)})
	}
	return steps
}

func shuffled(rng *rand.Rand, cards []card) []card {
	var hand []card
	for _, c := range cards {
		hand = append(hand, slices.Repeat([]card{c}, c.copies)...)
	}
	rng.Shuffle(len(hand), func(i, j int) { hand[i], hand[j] = hand[j], hand[i] })
	return hand
}

func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1))
}

// twinsFaults is the twin's script: what goes wrong in the calls up to the last
// one. After it the twin answers as it should.
func twinsFaults(seed uint64, last int) string {
	rng := rand.New(rand.NewPCG(seed, 3))
	var b []byte
	line := func(format string, a ...any) { b = fmt.Appendf(b, format+"\n", a...) }
	for from := 50 + rng.IntN(300); from < last; from += 300 + rng.IntN(1500) {
		line(`{"from":%d,"to":%d,"answer":"TooManyRequests","share":0.8}`, from, min(from+20, last))
	}
	for _, f := range []struct {
		answer string
		share  float64
	}{
		{"HangUp.After", .03}, {"HangUp.Before", .02}, {"Timeout", .005}, {"InternalError", .02}, {"HTML503", .01},
		{"LimitExceeded.User", .04}, {"CodeDeliveryFailure", .02}, {"TooManyRequests", .01},
	} {
		line(`{"to":%d,"answer":%q,"share":%g}`, last, f.answer, f.share)
	}
	line(`{"to":%d,"answer":"OK","share":0.03,"delay":"700ms"}`, last)
	return string(b)
}
