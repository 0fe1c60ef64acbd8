package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/internal/embedredis"
)

// about says on what a table was measured.
type about struct {
	At         time.Time `json:"at"`
	Runs       int       `json:"runs"`
	Processor  string    `json:"processor"`
	Processors int       `json:"processors"`
	System     string    `json:"system"`
	Go         string    `json:"go"`
	Redis      string    `json:"redis"`
	// Load is the machine's load average of a minute before anything was started;
	// below 0 where it cannot be told.
	Load float64 `json:"load"`
}

func machine(ctx context.Context) about {
	return about{
		Processor: processor(), Processors: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: strings.Replace(runtime.Version(), "go", "Go ", 1), Redis: redisVersion(ctx), Load: loadAverage(),
	}
}

// processor is its name as Linux tells it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // where there is none it is unknown
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}

// loadAverage is the one of a minute, as Linux tells it.
func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg") // where there is none it is unknown
	first, _, _ := strings.Cut(string(text), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return v
}

func redisVersion(ctx context.Context) string {
	out, _ := exec.CommandContext(ctx, embedredis.Program, "--version").Output() // the rig says if there is none
	for word := range strings.FieldsSeq(string(out)) {
		if version, ok := strings.CutPrefix(word, "v="); ok {
			return "Redis " + version
		}
	}
	return "an unknown Redis"
}
