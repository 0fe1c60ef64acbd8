package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rekeyhq/rekey/bench/internal/rig"
)

// loader puts a file into a store of its own.
type loader func(ctx context.Context, s *rig.Stage, file string) (loaded, error)

// loaded is what that took, and what it needs there.
type loaded struct {
	rig.Ran
	stored float64
}

// target is an empty Redis.
type target struct{ url, socket string }

// intoRedis is a loader of one that loads into Redis.
func intoRedis(load func(context.Context, *rig.Stage, target, string) (rig.Ran, error)) loader {
	return func(ctx context.Context, s *rig.Stage, file string) (l loaded, err error) {
		server, rdb, err := s.Redis(ctx)
		if err != nil {
			return l, err
		}
		before, err := held(ctx, rdb)
		if err != nil {
			return l, err
		}
		if l.Ran, err = load(ctx, s, target{server.URL(), server.Options().Addr}, file); err != nil {
			return l, err
		}
		after, err := held(ctx, rdb)
		l.stored = after - before
		return l, err
	}
}

func rekeyLoad(key bool) func(context.Context, *rig.Stage, target, string) (rig.Ran, error) {
	return func(ctx context.Context, s *rig.Stage, at target, file string) (rig.Ran, error) {
		config, err := s.Configure("rekey.yaml", rig.Config{Redis: at.url, Twin: "127.0.0.1:9", Rate: rig.NoQuota, Key: key})
		if err != nil {
			return rig.Ran{}, err
		}
		return s.Run(ctx, config, "enqueue", "--campaign", "bench", file)
	}
}

func asynqLoader(ctx context.Context, s *rig.Stage, at target, file string) (rig.Ran, error) {
	cmd, err := part("asynq-load", at.socket, file, "64")
	if err != nil {
		return rig.Ran{}, err
	}
	return s.RunCommand(ctx, cmd)
}

func bullLoad(ctx context.Context, s *rig.Stage, at target, file string) (rig.Ran, error) {
	cmd, err := s.BullMQ(ctx, "load.mjs", at.socket, file)
	if err != nil {
		return rig.Ran{}, err
	}
	return s.RunCommand(ctx, cmd)
}

// riverLoad loads into PostgreSQL.
func riverLoad(ctx context.Context, s *rig.Stage, file string) (l loaded, err error) {
	db, err := s.Postgres(ctx)
	if err != nil {
		return l, err
	}
	river := func(args ...string) (rig.Ran, error) {
		cmd, err := s.Peer(ctx, "river", args...)
		if err != nil {
			return rig.Ran{}, err
		}
		return s.RunCommand(ctx, cmd)
	}
	if _, err := river("migrate", db.Database); err != nil {
		return l, err
	}
	if l.Ran, err = river("load", db.Database, file); err != nil {
		return l, err
	}
	size, err := river("size", db.Database)
	if err != nil {
		return l, err
	}
	if l.stored, err = strconv.ParseFloat(strings.TrimSpace(size.Stdout), 64); err != nil {
		err = fmt.Errorf("river size: %w", err)
	}
	return l, err
}
