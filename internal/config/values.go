package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"strconv"
	"time"
)

// The shapes of names. Cognito's own are in its API model.
var (
	poolName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	quotaName = regexp.MustCompile(`^[a-z0-9][a-z0-9/.-]{0,39}$`)
	region    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	clientID  = regexp.MustCompile(`^[\w+]{1,128}$`)
	secret    = regexp.MustCompile(`^[\w+]{1,64}$`)
)

// like returns a parser of strings that match shape.
func like(shape *regexp.Regexp, hint string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !shape.MatchString(s) {
			return "", fmt.Errorf("%q cannot be right: %s", s, hint)
		}
		return s, nil
	}
}

var (
	parseRegion   = like(region, "write a Region's name, such as eu-west-1")
	parseClientID = filledIn("CLIENT_ID", like(clientID, "write the app client's id: up to 128 letters, digits, _ and +"))
	parseQuota    = like(quotaName, "a quota's name is up to 40 of a-z 0-9 - / . and begins with a letter or digit")
)

// filledIn refuses what stands in a configuration that nobody has filled in yet.
func filledIn(placeholder string, parse func(string) (string, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		if s == placeholder {
			return "", fmt.Errorf("%s is to be filled in", placeholder)
		}
		return parse(s)
	}
}

func parseText(s string) (string, error) { return s, nil }

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false; write one of them", s)
}

// between returns a parser of whole numbers from low to high.
func between(low, high int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("%q must be a whole number from %d to %d", s, low, high)
		}
		return n, nil
	}
}

// above returns a parser of numbers greater than low, and at most high.
func above(low, high float64) func(string) (float64, error) {
	return func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(x) || x <= low || x > high {
			return 0, fmt.Errorf("%q must be a number above %v, at most %v", s, low, high)
		}
		return x, nil
	}
}

// parseEcho is apart because no confirmations at all is a fair assumption.
func parseEcho(s string) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || x < 0 || x > 10 {
		return 0, fmt.Errorf("%q must be a number from 0 to 10: confirmations that a sent code brings", s)
	}
	return x, nil
}

// lasting returns a parser of durations from low to high.
func lasting(low, high time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration; write it as 720h, 1h30m or 10s", s)
		}
		if d < low || d > high {
			return 0, fmt.Errorf("%q must be from %v to %v", s, low, high)
		}
		return d, nil
	}
}

// parseListen reads host:port, or "" for off.
func parseListen(s string) (string, error) {
	if s == "" {
		return s, nil
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is not HOST:PORT; write it as 127.0.0.1:9464, or \"\" for off", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q has no port from 0 to 65535", s)
	}
	return s, nil
}

func parseEndpoint(s string) (string, error) {
	if s == "" {
		return s, nil
	}
	return s, checkEndpoint(s)
}

func checkSecret(s string) error {
	if !secret.MatchString(s) {
		return errors.New("what it holds cannot be a client's secret: those are up to 64 letters, digits, _ and +")
	}
	return nil
}
