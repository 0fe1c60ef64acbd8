package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/internal/campaign"
)

const (
	readTime   = "time"
	readSpeed  = "rows/s"
	readMemory = "memory"

	readReport = "campaign report"
	readKeyed  = "campaign report, with a roster key"
	readJSON   = "campaign report --output ndjson"
	readFind   = "campaign find, the last user"
	readAll    = "campaign find, without a campaign"
	readShow   = "campaign show"
	readTen    = "worker, ten running campaigns"

	// readRate keeps a worker busy while its memory is looked at.
	readRate = 300
)

// What is known of the design where goals are missed.
const (
	readSlow = "there is no index: chunk by chunk is read from Redis, decompressed and written out, in the order of the file, by one process that shares " +
		"the machine with Redis."
	readHeavy = "a worker holds the SDK, its connections and what is in hand once, and of each campaign the chunks that are being read."
)

// read is what it costs to ask for a campaign, and to hold many.
func read() table {
	return table{
		name: "read", title: "what is asked for, of a million rows",
		about: fmt.Sprintf("Time is from a command's start to its end, memory the most that it held; what it prints is thrown away. The *worker* has ten campaigns of a million rows "+
			"each, all running and without a user in common, and sends %d calls a second of them; memory is the most that it held in the twenty seconds after its start.", readRate),
		columns: []column{{readTime, seconds}, {readSpeed, count}, {readMemory, megabytes}},
		measure: measureRead,
		goals: []goal{
			{what: readReport, want: "≥ 500 k rows/s", figure: cell(readReport, readSpeed), show: count, atLeast: 500e3, known: readSlow},
			{what: readKeyed, want: "≥ 500 k rows/s", figure: cell(readKeyed, readSpeed), show: count, atLeast: 500e3, known: readSlow},
			{what: readFind, want: "≤ 1 s", figure: cell(readFind, readTime), show: seconds, atMost: 1, known: readSlow},
			{what: readTen, want: "≤ 60 MB", figure: cell(readTen, readMemory), show: megabytes, atMost: 60e6, known: readHeavy},
		},
	}
}

func measureRead(ctx context.Context, s *rig.Stage) (r report, err error) {
	users := s.Size(1_000_000, 20_000)
	file, err := addresses(s, users)
	if err != nil {
		return r, err
	}
	for _, one := range []func(context.Context, *rig.Stage, field) error{r.readClear, r.readEncrypted, r.readWorker} {
		if err := s.Sub(func(s *rig.Stage) error {
			return one(ctx, s, field{users: users, file: file, twin: late("--users-file", file), rate: readRate})
		}); err != nil {
			return r, err
		}
	}
	r.note("Each campaign had %s rows.", count(float64(users)))
	return r, nil
}

func (r *report) readClear(ctx context.Context, s *rig.Stage, of field) error {
	f, err := loadedField(ctx, s, of)
	if err != nil {
		return err
	}
	last, err := lastUser(f.file)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		row  string
		args []string
		rows int
	}{
		{readReport, []string{"report", "bench"}, f.users},
		{readJSON, []string{"report", "bench", "--output", "ndjson"}, f.users},
		{readFind, []string{"find", "bench", "--username", last}, 0},
		{readAll, []string{"find", "--username", last}, 0},
		{readShow, []string{"show", "bench"}, 0},
	} {
		if err := r.ask(ctx, f, c.row, c.rows, c.args...); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) readEncrypted(ctx context.Context, s *rig.Stage, of field) error {
	of.key = true
	f, err := loadedField(ctx, s, of)
	if err != nil {
		return err
	}
	return r.ask(ctx, f, readKeyed, f.users, "report", "bench")
}

// loadedField has a campaign of all users, some of whom were called.
func loadedField(ctx context.Context, s *rig.Stage, of field) (*field, error) {
	f, workers, err := atWork(ctx, s, of, 1)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	workers[0].Kill()
	return f, nil
}

// ask runs campaign, and adds what it took.
func (r *report) ask(ctx context.Context, f *field, row string, rows int, args ...string) error {
	f.s.Note("%s", row)
	ran, err := f.s.RunUnread(ctx, f.direct, "campaign", args...)
	if err != nil {
		return fmt.Errorf("%s: %w", row, err)
	}
	figures := map[string]float64{readTime: ran.Took.Seconds()}
	if rows > 0 { // others end before their memory could be seen
		figures[readSpeed] = float64(rows) / ran.Took.Seconds()
		if ran.Peak > 0 {
			figures[readMemory] = float64(ran.Peak)
		}
	}
	r.add(row, figures)
	return nil
}

// lastUser is the first column of a file's last line.
func lastUser(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	var line string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line = lines.Text()
	}
	name, _, _ := strings.Cut(line, ",")
	return name, lines.Err()
}

// readWorker has a worker hold ten campaigns. None has a user of another's:
// such rows would be held, since the user has a code, and not be called. The
// twin knows nobody, and answers as if it did.
func (r *report) readWorker(ctx context.Context, s *rig.Stage, of field) error {
	s.Note("%s", readTen)
	of.twin = late("--hide-unknown-users")
	f, err := newField(ctx, s, of)
	if err != nil {
		return err
	}
	for i := range 10 {
		if f.file, err = addressesFrom(s, i*f.users, f.users); err != nil {
			return err
		}
		if err := f.start(ctx, "bench-"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	w, err := f.worker()
	if err != nil {
		return err
	}
	if err := f.cognito.Called(ctx); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(s.Size(20, 5))*time.Second); err != nil {
		return err
	}
	_, peak := rig.Memory(w)
	if peak == 0 {
		return fmt.Errorf("%s: it has ended: %s", readTen, w.Said())
	}
	r.add(readTen, map[string]float64{readMemory: float64(peak)})
	return f.noneHeld(ctx)
}

// noneHeld is an error where rows were held and not called.
func (f *field) noneHeld(ctx context.Context) error {
	for i := range 10 {
		c, err := f.store.Campaign(ctx, "bench-"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		if c.State != campaign.Running || c.Counts.Waiting > 0 {
			return fmt.Errorf("campaign %s is %s: %+v: it should run, and have no rows that wait", c.ID, c.State, c.Counts)
		}
	}
	return nil
}
