//go:build race

package faketime

// underRace: the race detector makes everything five times slower, so the
// longest tests are shorter with it.
const underRace = true
