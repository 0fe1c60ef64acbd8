package cognitosim

import (
	"fmt"
	"time"
)

// Each use of chance has a salt of its own, so that, say, slow calls are not
// the same ones as failing calls. A line of the script adds its place to
// saltFault, which therefore comes last.
const (
	saltBroken = iota
	saltStatus
	saltLatency
	saltSent
	saltCode
	saltForm
	saltID
	saltID2
	saltFault
)

// mix is splitmix64's finaliser over seed, call and salt. A stream of random
// numbers would depend on the order in which calls arrive; this does not.
func mix(seed uint64, n int64, salt int) uint64 {
	z := seed + uint64(n)*0x9e3779b97f4a7c15 + uint64(salt)*0xd1b54a32d192ed03
	for range 2 {
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}

// chance returns a number in [0, 1) for the n-th call.
func chance(seed uint64, n int64, salt int) float64 {
	return float64(mix(seed, n, salt)>>11) / (1 << 53)
}

// latency returns how long the n-th call takes: from a half to one and a half
// of the mean.
func (s *Sim) latency(n int64) time.Duration {
	if s.o.Latency <= 0 {
		return 0
	}
	return time.Duration(float64(s.o.Latency) * (0.5 + chance(s.o.Seed, n, saltLatency)))
}

// requestID returns an id of the shape that AWS gives out.
func (s *Sim) requestID(n int64) string {
	a, b := mix(s.o.Seed, n, saltID), mix(s.o.Seed, n, saltID2)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}
