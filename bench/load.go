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
	loadBytes = "stored, bytes a row"
	loadDone  = "all accepted"
	loadPeak  = "loader's memory"

	rekeyMillion = "rekey"
	rekeyKeyed   = "rekey, with a roster key"
	rekeyTen     = "rekey, ten times the rows"
	rekeyFifty   = "rekey, fifty times: extrapolated"
	asynqMillion = "asynq's client, 64 goroutines"
	riverMillion = "River, InsertManyFast"
	bullMillion  = "BullMQ, addBulk"
)

// What is known of the design where goals are missed.
const (
	loadSlow  = "a load reads, packs and compresses on every processor that there is, and redis-server takes what comes on one of the same ones."
	loadLarge = "a list is as small as its names can be compressed, and these are drawn at random for the most part."
	loadHeavy = "the table of the duplicate check is in 256 parts, each of which grows by half when it is four fifths full: 20 to 30 bytes a user. Go's heap " +
		"grows by garbage beyond that before it is collected."
)

// load compares what it costs to put a list of users into Redis.
func load() table {
	return table{
		name: "load", title: "a list of users into Redis",
		about: "A CSV of random e-mail addresses is loaded into an empty redis-server on a unix socket by a process of its own: time is from its start " +
			"to its end, memory the most that it held. Others enqueue a task for each user: asynq one by one, BullMQ a thousand and River ten thousand at once, that " +
			"one into a PostgreSQL that keeps nothing safe, as Redis does here. *All accepted*: what a row needs in Redis when every user's " +
			"call was accepted, without the live keys, which are there for an hour.",
		columns: []column{
			{loadRows, count}, {loadTime, seconds}, {loadSpeed, count},
			{loadBytes, decimals(1, "")}, {loadDone, decimals(1, "")}, {loadPeak, megabytes},
		},
		ratios:  []ratio{{"speed, by asynq's", loadSpeed, asynqMillion}, {"bytes, by asynq's", loadBytes, asynqMillion}},
		measure: measureLoad,
		goals: []goal{
			{what: "load without a key", want: "≥ 1 M rows/s", figure: cell(rekeyMillion, loadSpeed), show: count, atLeast: 1e6, known: loadSlow},
			{what: "load with a key", want: "≥ 500 k rows/s", figure: cell(rekeyKeyed, loadSpeed), show: count, atLeast: 500e3, known: loadSlow},
			{what: "by asynq's client", want: "≥ 10 ×", figure: quotient(loadSpeed, rekeyMillion, asynqMillion), show: times, atLeast: 10, known: loadSlow},
			{what: "Redis, all rows accepted", want: "≤ 30 bytes a row", figure: cell(rekeyMillion, loadDone), show: decimals(1, ""), atMost: 30, known: loadLarge},
			{what: "that, by asynq's", want: "≤ 0.05 ×", figure: doneByAsynq, show: decimals(3, " ×"), atMost: 0.05, known: loadLarge},
			{what: "loader's memory at ten times the rows, less 64 MB", want: "≤ 40 bytes a row", figure: peakARow, show: decimals(1, ""), atMost: 40, known: loadHeavy},
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
	for _, c := range []struct {
		name  string
		users int
		load  loader
	}{
		{rekeyMillion, users, intoRedis(rekeyLoad(false))},
		{rekeyKeyed, users, intoRedis(rekeyLoad(true))},
		{asynqMillion, users, intoRedis(asynqLoader)},
		{riverMillion, users, riverLoad},
		{bullMillion, users / 5, intoRedis(bullLoad)},
		{rekeyTen, 10 * users, intoRedis(rekeyLoad(false))},
	} {
		s.Note("%s: %d users", c.name, c.users)
		if err := r.load(ctx, s, c.name, c.users, c.load); err != nil {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	r.extrapolate()
	return r, r.acceptAll(ctx, s)
}

// acceptAll adds what a row needs in the end.
func (r *report) acceptAll(ctx context.Context, s *rig.Stage) error {
	n := s.Size(30_000, 2_000)
	for _, of := range []struct {
		name string
		key  bool
	}{{rekeyMillion, false}, {rekeyKeyed, true}} {
		s.Note("%s: %d users accepted", of.name, n)
		done, err := accepted(ctx, s, n, of.key)
		if err != nil {
			return fmt.Errorf("%s: %w", of.name, err)
		}
		row, _ := find(r.Rows, of.name)
		row.Figures[loadDone] = done
	}
	r.note("*All accepted* was measured with %s users, each of whom a worker called.", count(float64(n)))
	return nil
}

// load has one loader load one file. One that is not here gets an empty row.
func (r *report) load(ctx context.Context, s *rig.Stage, name string, users int, load loader) error {
	file, err := addresses(s, users)
	if err != nil {
		return err
	}
	var did loaded
	err = s.Sub(func(s *rig.Stage) (err error) {
		did, err = load(ctx, s, file)
		return err
	})
	if err != nil {
		return r.absent(name, err)
	}
	r.add(name, did.figures(users))
	return nil
}

func (l loaded) figures(users int) map[string]float64 {
	n := float64(users)
	figures := map[string]float64{loadRows: n, loadTime: l.Took.Seconds(), loadSpeed: n / l.Took.Seconds(), loadBytes: l.stored / n}
	if l.Peak > 0 {
		figures[loadPeak] = float64(l.Peak)
	}
	return figures
}

// addresses is a file of so many users, made once for the whole program.
func addresses(s *rig.Stage, users int) (string, error) { return addressesFrom(s, 0, users) }

// addressesFrom is one of others than those of a file that ends before first.
func addressesFrom(s *rig.Stage, first, users int) (string, error) {
	return s.Once(fmt.Sprintf("addresses-%d-%d.csv", first, users), func(path string) error { return writeAddresses(path, first, users) })
}

// extrapolate reckons with fifty times the rows: the time grows with them, and
// so does the memory beyond what a loader has at all.
func (r *report) extrapolate() {
	one, _ := find(r.Rows, rekeyMillion)
	ten, _ := find(r.Rows, rekeyTen)
	rows := 5 * ten.Figures[loadRows]
	fifty := map[string]float64{loadRows: rows, loadTime: 5 * ten.Figures[loadTime]}
	least, ok1 := one.Figures[loadPeak]
	peak, ok2 := ten.Figures[loadPeak]
	if ok1 && ok2 {
		each := (peak - least) / (ten.Figures[loadRows] - one.Figures[loadRows])
		fifty[loadPeak] = peak + each*(rows-ten.Figures[loadRows])
	}
	r.add(rekeyFifty, fifty)
}

// accepted is what a row needs when a worker has called every user: all keys
// but the live ones.
func accepted(ctx context.Context, s *rig.Stage, users int, key bool) (bytes float64, err error) {
	err = s.Sub(func(s *rig.Stage) error {
		file, err := addresses(s, users)
		if err != nil {
			return err
		}
		f, err := newField(ctx, s, field{users: users, file: file, twin: []string{"--users-file", file}, key: key})
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
