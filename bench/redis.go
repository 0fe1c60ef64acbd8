package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// held is what Redis says that it holds, in bytes.
func held(ctx context.Context, rdb *redis.Client) (float64, error) {
	return info(ctx, rdb, "memory", "used_memory")
}

// info reads a number of INFO.
func info(ctx context.Context, rdb *redis.Client, section, field string) (float64, error) {
	text, err := rdb.Info(ctx, section).Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("INFO %s has no %s", section, field)
}

// weigh adds up what keys need, but for those that begin with a prefix, which
// it counts. Keys and values are weighed whole, not by samples; Redis's own
// buffers and scripts are not among them.
func weigh(ctx context.Context, rdb *redis.Client, but string) (bytes float64, others int, err error) {
	keys := rdb.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		if strings.HasPrefix(keys.Val(), but) {
			others++
			continue
		}
		n, err := rdb.MemoryUsage(ctx, keys.Val(), 0).Result()
		if err != nil {
			return 0, 0, fmt.Errorf("memory of %s: %w", keys.Val(), err)
		}
		bytes += float64(n)
	}
	return bytes, others, keys.Err()
}
