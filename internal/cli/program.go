package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rekeyhq/rekey/internal/config"
)

// Program is a command that runs: what it was called by, and its surroundings.
type Program struct {
	Name           string
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	config string // --config
}

// Set makes root speak as all commands do that have a configuration.
func (p *Program) Set(root *cobra.Command) *cobra.Command {
	p.Plain(root)
	root.PersistentFlags().StringVar(&p.config, "config", "", "the configuration (default $REKEY_CONFIG, then "+config.DefaultPath+", then "+config.SystemPath+")")
	return root
}

// Plain is [Program.Set] without a configuration. Usage errors are ours to print.
func (p *Program) Plain(root *cobra.Command) *cobra.Command {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = Version()
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return wrongFlag(cmd, err)
	})
	root.AddCommand(p.manCommand())
	strictHelp(root)
	return root
}

func hinted(cmd *cobra.Command, err error) error {
	return &Error{Code: CodeUsage, Err: err, Hint: "see  " + cmd.CommandPath() + " --help"}
}

// Args wants as many arguments as there are names.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return hinted(cmd, fmt.Errorf("%s is missing", names[len(args)]))
		case len(names) == 0 && len(args) > 0 && len(verbs(cmd)) > 0:
			return unknownCommand(cmd, args[0])
		case len(args) > len(names):
			return hinted(cmd, fmt.Errorf("%q is one argument too many", args[len(names)]))
		}
		return nil
	}
}

// AtMost is [Args] where all of them may be left out.
func AtMost(names ...string) cobra.PositionalArgs {
	all := Args(names...)
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= len(names) {
			return nil
		}
		return all(cmd, args)
	}
}

// Verbs makes root a command of commands, which does nothing by itself.
func Verbs(root *cobra.Command) {
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return hinted(cmd, fmt.Errorf("say what to do: %s", strings.Join(verbs(root), ", ")))
		}
		return unknownCommand(root, args[0])
	}
}

// Config reads the configuration of a command that talks to Redis alone.
func (p *Program) Config() (*config.Config, error) {
	c, err := config.LoadWithoutClientSecrets(p.config, p.Getenv)
	return c, p.unconfigured(err)
}

// FullConfig reads the configuration with the clients' secrets.
func (p *Program) FullConfig() (*config.Config, error) {
	c, err := config.Load(p.config, p.Getenv)
	return c, p.unconfigured(err)
}

// unconfigured says how to make a configuration where there is none.
func (p *Program) unconfigured(err error) error {
	if none, ok := errors.AsType[config.ErrNone](err); ok {
		first := ""
		if none.Empty {
			first = "remove it, and "
		}
		err = fmt.Errorf("%w: %swrite one with  %s init --region REGION --client-id ID%s  or name yours with --config or REKEY_CONFIG",
			err, first, p.Sibling(worker), p.ConfigFlag())
	}
	return WithCode(CodeUsage, err)
}

// ConfigFlag returns what must be added to a next step that is printed, so that
// it reads the same file.
func (p *Program) ConfigFlag() string {
	if p.config == "" {
		return ""
	}
	return " --config " + quoted(p.config)
}

// ConfigPath returns what --config says, or "".
func (p *Program) ConfigPath() string { return p.config }

// quoted returns s as a shell takes it for one word.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,=#", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Logger returns a logger on stderr: text for people, JSON for machines, from
// the level that REKEY_LOG_LEVEL names.
func (p *Program) Logger() (*slog.Logger, error) {
	level := slog.LevelInfo
	if s := p.Getenv("REKEY_LOG_LEVEL"); s != "" {
		if err := level.UnmarshalText([]byte(s)); err != nil {
			return nil, Usage("REKEY_LOG_LEVEL: %q is not a level; write debug, info, warn or error", s)
		}
	}
	o := &slog.HandlerOptions{Level: level}
	if Terminal(p.Stderr) {
		return slog.New(slog.NewTextHandler(p.Stderr, o)), nil
	}
	return slog.New(slog.NewJSONHandler(p.Stderr, o)), nil
}

// Terminal reports whether somebody is looking.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// defaultWidth is a terminal's that does not say how wide it is.
const defaultWidth = 80

// widthOf is that of the terminal at w.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 {
			return width
		}
	}
	return defaultWidth
}

// stamped is the version of a build without a repository, such as an image's:
//
//	go build -ldflags "-X github.com/rekeyhq/rekey/internal/cli.stamped=v1.2.3" ./cmd/...
var stamped string

// Version returns the version that was stamped, the module's, or the commit
// that was built.
func Version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.revision" })
	if i < 0 {
		return "devel"
	}
	return "devel " + info.Settings[i].Value
}
