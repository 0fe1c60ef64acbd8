//go:build !race

package faketime

const underRace = false
