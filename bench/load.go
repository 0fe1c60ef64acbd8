package main

import (
	"context"
	"fmt"

	"github.com/rekeyhq/rekey/bench/internal/rig"
)

const (
	loadRows  = "rows"
	loadTime  = "time"
	loadSpeed = "rows/s"
	loadBytes = "Redis, bytes a row"
	loadDone  = "all accepted"
	loadPeak  = "loader's memory"

	rekeyMillion = "rekey"
	rekeyTen     = "rekey, ten times the rows"
	rekeyFifty   = "rekey, fifty times: extrapolated"
	asynqMillion = "asynq's client, 64 goroutines"
)

// load compares what it costs to put a list of users into Redis.
func load() table {
	return table{
		name: "load", title: "a list of users into Redis",
		about: "A CSV of random e-mail addresses is loaded into an empty redis-server on a unix socket by a process of its own: time is from its start " +
			"to its end, memory the most that it held. Others enqueue a task for each user. *All accepted*: what a row needs in Redis when every user's " +
			"call was accepted, without the live keys, which are there for an hour.",
		columns: []column{
			{loadRows, count}, {loadTime, seconds}, {loadSpeed, count},
			{loadBytes, decimals(1, "")}, {loadDone, decimals(1, "")}, {loadPeak, megabytes},
		},
		ratios:  []ratio{{"speed, by asynq's", loadSpeed, asynqMillion}, {"bytes, by asynq's", loadBytes, asynqMillion}},
		measure: measureLoad,
		goals: []goal{
			{what: "load without a key", want: "≥ 1 M rows/s", figure: cell(rekeyMillion, loadSpeed), show: count, atLeast: 1e6},
			{what: "by asynq's client", want: "≥ 10 ×", figure: quotient(loadSpeed, rekeyMillion, asynqMillion), show: times, atLeast: 10},
			{what: "Redis, all rows accepted", want: "≤ 30 bytes a row", figure: cell(rekeyMillion, loadDone), show: decimals(1, ""), atMost: 30},
			{what: "that, by asynq's", want: "≤ 1/20", figure: doneByAsynq, show: decimals(3, ""), atMost: 0.05},
			{what: "loader's memory at ten times the rows, less 64 MB", want: "≤ 40 bytes a row", figure: peakARow, show: decimals(1, ""), atMost: 40},
		},
	}
}

func doneByAsynq(r *report) (float64, bool) {
	done, ok1 := r.get(rekeyMillion, loadDone)
	loaded, ok2 := r.get(asynqMillion, loadBytes)
	return done / loaded, ok1 && ok2
}

func peakARow(r *report) (float64, bool) {
	peak, ok1 := r.get(rekeyTen, loadPeak)
	rows, ok2 := r.get(rekeyTen, loadRows)
	return max(0, peak-64e6) / rows, ok1 && ok2
}

func measureLoad(ctx context.Context, s *rig.Stage) (r report, err error) {
	users := s.Size(1_000_000, 20_000)
	for _, part := range []struct {
		name  string
		users int
		load  loader
	}{
		{rekeyMillion, users, rekeyLoad},
		{asynqMillion, users, asynqLoader},
		{rekeyTen, 10 * users, rekeyLoad},
	} {
		s.Note("%s: %d users", part.name, part.users)
		if err := r.load(ctx, s, part.name, part.users, part.load); err != nil {
			return r, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	r.extrapolate()
	n := s.Size(100_000, 2_000)
	s.Note("rekey: %d users accepted", n)
	done, err := accepted(ctx, s, n)
	if err != nil {
		return r, err
	}
	first, _ := find(r.Rows, rekeyMillion)
	first.Figures[loadDone] = done
	r.note("*All accepted* was measured with %s users, each of whom a worker called.", count(float64(n)))
	return r, nil
}

// loader puts a file into a Redis.
type loader func(ctx context.Context, s *rig.Stage, at target, file string) (rig.Ran, error)

// target is an empty Redis.
type target struct{ url, socket string }

// load has one loader load one file into a Redis of its own.
func (r *report) load(ctx context.Context, s *rig.Stage, name string, users int, load loader) error {
	file, err := addresses(s, users)
	if err != nil {
		return err
	}
	return s.Sub(func(s *rig.Stage) error {
		server, rdb, err := s.Redis(ctx)
		if err != nil {
			return err
		}
		before, err := held(ctx, rdb)
		if err != nil {
			return err
		}
		ran, err := load(ctx, s, target{server.URL(), server.Options().Addr}, file)
		if err != nil {
			return err
		}
		after, err := held(ctx, rdb)
		r.add(name, loadFigures(users, ran, after-before))
		return err
	})
}

func loadFigures(users int, ran rig.Ran, held float64) map[string]float64 {
	n := float64(users)
	return map[string]float64{
		loadRows: n, loadTime: ran.Took.Seconds(), loadSpeed: n / ran.Took.Seconds(), loadBytes: held / n, loadPeak: float64(ran.Peak),
	}
}

// addresses is a file of so many users, made once for the whole program.
func addresses(s *rig.Stage, users int) (string, error) {
	return s.Once(fmt.Sprintf("addresses-%d.csv", users), func(path string) error { return writeAddresses(path, "email", users) })
}

func rekeyLoad(ctx context.Context, s *rig.Stage, at target, file string) (rig.Ran, error) {
	config, err := s.Configure("rekey.yaml", rig.Config{Redis: at.url, Twin: "127.0.0.1:9", Rate: rig.NoQuota})
	if err != nil {
		return rig.Ran{}, err
	}
	return s.Run(ctx, config, "enqueue", "--campaign", "bench", file)
}

func asynqLoader(ctx context.Context, s *rig.Stage, at target, file string) (rig.Ran, error) {
	cmd, err := part("asynq-load", at.socket, file, "64")
	if err != nil {
		return rig.Ran{}, err
	}
	return s.RunCommand(ctx, cmd)
}

// extrapolate reckons with fifty times the rows: the time grows with them, and
// so does the memory beyond what a loader has at all.
func (r *report) extrapolate() {
	one, _ := find(r.Rows, rekeyMillion)
	ten, _ := find(r.Rows, rekeyTen)
	each := (ten.Figures[loadPeak] - one.Figures[loadPeak]) / (ten.Figures[loadRows] - one.Figures[loadRows])
	rows := 5 * ten.Figures[loadRows]
	r.add(rekeyFifty, map[string]float64{
		loadRows: rows, loadTime: 5 * ten.Figures[loadTime],
		loadPeak: ten.Figures[loadPeak] + each*(rows-ten.Figures[loadRows]),
	})
}

// accepted is what a row needs when a worker has called every user: all keys
// but the live ones.
func accepted(ctx context.Context, s *rig.Stage, users int) (bytes float64, err error) {
	err = s.Sub(func(s *rig.Stage) error {
		file, err := s.Once(fmt.Sprintf("usernames-%d.csv", users), func(path string) error { return writeAddresses(path, "username", users) })
		if err != nil {
			return err
		}
		f, err := newField(ctx, s, field{users: users, file: file, twin: []string{"--users-file", file}})
		if err != nil {
			return err
		}
		if err := f.sendAll(ctx, "bench"); err != nil {
			return err
		}
		all, live, err := weigh(ctx, f.rdb, "rekey:{bench}:live:")
		if err == nil && live != users {
			err = fmt.Errorf("%d live keys of %d users", live, users)
		}
		bytes = all / float64(users)
		return err
	})
	return bytes, err
}
