package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// defaultUsers is how many users there are when nothing is said.
const defaultUsers = 1000

// forms are the ways in which errors may name their type, the default first.
var forms = []string{string(cognitosim.Bare), string(cognitosim.Namespace), string(cognitosim.URL), string(cognitosim.Mixed)}

// flags are what the twin is asked to be, as text.
type flags struct {
	addr, usersFile, faults, journal string
	others                           string
	form                             *cli.Choice
	secretFiles                      []string
	quota                            float64
	o                                cognitosim.Options
}

func (f *flags) register(to *pflag.FlagSet) {
	to.SortFlags = false
	to.StringVar(&f.addr, "addr", "127.0.0.1:9229", "listen here; port 0 takes a free one")
	to.StringSliceVar(&f.o.ClientIDs, "client-id", []string{cognitosim.DefaultClientID}, "the app client; may be repeated")
	to.StringArrayVar(&f.secretFiles, "client-secret-file", nil, "the client has the secret in this `file`; twice during a rotation")
	to.IntVar(&f.o.Users.N, "users", 0, fmt.Sprintf("make this many users (default %d without --users-file)", defaultUsers))
	to.StringVar(&f.usersFile, "users-file", "", "take the users of a CSV `file`: username, and status, medium, email where there are such columns")
	to.Float64Var(&f.o.Users.Broken, "broken", 0, "`share` of users that cannot be reset, where their file does not say: 0.05")
	to.BoolVar(&f.o.CaseSensitive, "case-sensitive", false, "usernames in other letter case are other users")
	to.BoolVar(&f.o.HideUnknown, "hide-unknown-users", false, "answer 200 for users who are unknown, disabled or unverified")
	to.BoolVar(&f.o.RequireUserAgent, "require-user-agent", false, "refuse requests without a User-Agent, as AWS's WAF rules do")
	to.Float64Var(&f.quota, "quota", 30, "the account's calls a second; 0 is no quota")
	to.IntVar(&f.o.Burst, "burst", 0, "calls that may come at once; 0 is a tenth of a second's quota")
	to.StringVar(&f.others, "others", "0", "other people's calls a second on the same quota; `RATE`, or 10,20s:40: 40 after 20 s. GET /others counts them")
	to.IntVar(&f.o.PerUserHour, "per-user-hour", 5, "attempts a user has in an hour; -1 is any number")
	to.IntVar(&f.o.DailyEmail, "daily-email", 0, "e-mails the account sends a day; 0 is any number")
	to.DurationVar(&f.o.Hour, "hour", time.Hour, "how long Cognito's hour lasts: a code's life, the users' limit")
	to.DurationVar(&f.o.Latency, "latency", 100*time.Millisecond, "mean time to an answer")
	to.StringVar(&f.faults, "faults", "none", strings.Join(cognitosim.Presets(), "|")+"|`FILE`")
	f.form = cli.OneOf(forms...)
	to.Var(f.form, "error-form", "how errors name their type")
	to.StringVar(&f.journal, "journal", "", "append a JSON line for each call to this `file`")
	to.Uint64Var(&f.o.Seed, "seed", 0, "decides every chance, with the number of the call")
}

// serve runs the twin until ctx ends.
func serve(ctx context.Context, f flags, stderr io.Writer) (err error) {
	o, err := f.options()
	if err != nil {
		return usage{err}
	}
	if f.journal != "" {
		// It holds usernames, so it is for its owner alone.
		file, err := os.OpenFile(f.journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return usage{fmt.Errorf("--journal: %w", err)}
		}
		defer file.Close()
		o.Journal = file
	}
	ln, err := net.Listen("tcp", f.addr)
	if err != nil {
		return fmt.Errorf("--addr: %w; 127.0.0.1:0 takes a free port", err)
	}
	fmt.Fprintf(stderr, "listening on http://%s as the twin of Cognito, client %s; no real user is contacted\n",
		ln.Addr(), strings.Join(o.ClientIDs, ", "))
	return cognitosim.New(o).Serve(ctx, ln)
}

// options turns text into what the twin is made of.
func (f *flags) options() (cognitosim.Options, error) {
	o := f.o
	o.Forget = true // the journal's file has it; in memory it would only grow
	if err := f.check(); err != nil {
		return o, err
	}
	if o.Quota = f.quota; o.Quota == 0 {
		o.Quota = -1
	}
	if f.usersFile == "" && o.Users.N == 0 {
		o.Users.N = defaultUsers
	}
	var errs [5]error
	o.Form, errs[0] = cognitosim.ParseForm(f.form.String())
	o.ClientSecrets, errs[1] = readSecrets(f.secretFiles)
	o.Users.List, errs[2] = readUsers(f.usersFile)
	o.Faults, errs[3] = readFaults(f.faults)
	if o.Others, errs[4] = cognitosim.ParseOthers(f.others); errs[4] != nil {
		errs[4] = fmt.Errorf("--others: %w", errs[4])
	}
	return o, errors.Join(errs[:]...)
}

// check refuses numbers that mean nothing.
func (f *flags) check() error {
	switch {
	case f.quota < 0 || f.o.Burst < 0:
		return errors.New("--quota and --burst cannot be negative")
	case f.o.Users.N < 0 || f.o.DailyEmail < 0:
		return errors.New("--users and --daily-email cannot be negative")
	case f.o.Users.Broken < 0 || f.o.Users.Broken > 1:
		return errors.New("--broken is a share: write a number from 0 to 1")
	case f.o.PerUserHour == 0 || f.o.PerUserHour < -1:
		return errors.New("--per-user-hour: write 1 or more, or -1 for any number")
	case f.o.Hour <= 0 || f.o.Latency < 0:
		return errors.New("--hour must be longer than nothing, and --latency not negative")
	case len(f.secretFiles) > 2:
		return errors.New("--client-secret-file: a client has at most two secrets")
	case slices.Contains(f.o.ClientIDs, ""):
		return errors.New("--client-id is empty")
	}
	return nil
}

func readSecrets(files []string) ([]string, error) {
	var secrets []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--client-secret-file: %w", err)
		}
		secret := strings.TrimSpace(string(b))
		if secret == "" {
			return nil, fmt.Errorf("--client-secret-file: %s is empty", file)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

func readUsers(file string) ([]cognitosim.User, error) {
	if file == "" {
		return nil, nil
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--users-file: %w", err)
	}
	defer r.Close()
	users, err := cognitosim.ReadUsers(r)
	if err != nil {
		return nil, fmt.Errorf("--users-file: %s: %w", file, err)
	}
	return users, nil
}

// readFaults takes a preset's name or a file's.
func readFaults(name string) ([]cognitosim.Fault, error) {
	if slices.Contains(cognitosim.Presets(), name) {
		return cognitosim.Preset(name)
	}
	r, err := os.Open(name)
	if err != nil {
		if meant := cli.Meant(name, cognitosim.Presets()); meant != "" {
			return nil, fmt.Errorf("--faults: %w%s", err, meant)
		}
		return nil, fmt.Errorf("--faults: %w; write %s, or a file", err, strings.Join(cognitosim.Presets(), ", "))
	}
	defer r.Close()
	faults, err := cognitosim.ParseFaults(r)
	if err != nil {
		return nil, fmt.Errorf("--faults: %s: %w", name, err)
	}
	return faults, nil
}

func usersCommand(name string) *cobra.Command {
	var u cognitosim.Users
	c := &cobra.Command{
		Use:     "users",
		Short:   "Print the twin's users as a CSV",
		Example: "  " + name + " users --users 2000 > users.csv",
		Args:    cli.Args(),
		RunE: func(c *cobra.Command, _ []string) error {
			if u.N < 0 || u.Broken < 0 || u.Broken > 1 {
				return usage{errors.New("--users cannot be negative, and --broken is a share from 0 to 1")}
			}
			return u.WriteCSV(c.OutOrStdout())
		},
	}
	c.Flags().IntVar(&u.N, "users", defaultUsers, "how many")
	c.Flags().Float64Var(&u.Broken, "broken", 0, "`share` of them that cannot be reset, as for the twin")
	return c
}
