package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekeyhq/rekey/internal/config"
)

// mostMeant is how many guesses help more than they confuse.
const mostMeant = 3

// Meant returns "; did you mean X?" for a word that is close to some of names,
// and "" for one that is not. What is close is cobra's measure for commands: two
// letters apart, or the beginning; of short words less.
func Meant(typed string, names []string) string {
	measure := &cobra.Command{SuggestionsMinimumDistance: min(2, len(typed)/2)}
	for _, name := range names {
		measure.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	near := slices.Compact(measure.SuggestionsFor(typed))
	if typed == "" || len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near[:min(len(near), mostMeant)], " or ") + "?"
}

// Pool is [config.Config.Pool], and guesses what a name that is not there was
// meant to be.
func Pool(c *config.Config, name string) (config.Pool, error) {
	p, err := c.Pool(name)
	if err == nil {
		return p, nil
	}
	if meant := Meant(name, slices.Sorted(maps.Keys(c.Pools))); meant != "" {
		return p, Usage("%s has no pool %q%s", c.Path, name, meant)
	}
	return p, WithCode(CodeUsage, err)
}

// wrongFlag says of a flag that cannot be, or of its value, what would be right.
func wrongFlag(cmd *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if right := rightValue(wrong.GetFlag().Value.Type(), wrong.GetValue()); right != "" {
			err = fmt.Errorf("invalid argument %q for %q flag: %s", wrong.GetValue(), "--"+wrong.GetFlag().Name, right)
		}
	}
	return unknownFlag(cmd, err)
}

// rightValue returns what to write for a flag of a type of the library's, whose
// own errors are those of Go's parsers. Other types say it themselves.
func rightValue(kind, typed string) string {
	switch kind {
	case "duration":
		if _, err := strconv.ParseFloat(typed, 64); err == nil {
			return fmt.Sprintf("write %ss or %sm", typed, typed)
		}
		return "write a duration such as 90s, 5m or 2h"
	case "int", "uint64":
		return "write a whole number" + map[string]string{"uint64": " that is not negative"}[kind]
	case "float64":
		return "write a number"
	case "bool":
		return "write true or false, or the flag alone"
	}
	return ""
}

// unknownFlag guesses what was meant: the command, where the flag comes behind a
// word that is none of cmd's commands and was therefore taken for its own, else
// the flag.
func unknownFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return hinted(cmd, err)
	}
	if words := cmd.Flags().Args(); len(words) > 0 && len(verbs(cmd)) > 0 {
		return unknownCommand(cmd, words[0])
	}
	if unknown.GetSpecifiedShortnames() != "" {
		return hinted(cmd, err)
	}
	return hinted(cmd, fmt.Errorf("%w%s", err, Meant("--"+unknown.GetSpecifiedName(), flagNames(cmd))))
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

// strictHelp makes help of a command that is not there an error; the library's
// own prints the help of all and ends well.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "help" })
	help := root.Commands()[i]
	show := help.Run
	help.Run, help.RunE = nil, func(c *cobra.Command, args []string) error {
		about, rest, err := root.Find(args)
		if err == nil && len(rest) > 0 && len(verbs(about)) > 0 {
			return unknownCommand(about, rest[0])
		}
		show(c, args)
		return nil
	}
}

// unknownCommand says which commands there are, or which one was meant.
func unknownCommand(cmd *cobra.Command, typed string) error {
	names := verbs(cmd)
	if meant := Meant(typed, names); meant != "" {
		return hinted(cmd, fmt.Errorf("there is no command %q%s", typed, meant))
	}
	return hinted(cmd, fmt.Errorf("there is no command %q; there are %s", typed, strings.Join(names, ", ")))
}

// verbs are the commands that a user would look for.
func verbs(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if isVerb(c) {
			names = append(names, c.Name())
		}
	}
	return names
}

// isVerb leaves out what the library adds, and what is hidden.
func isVerb(c *cobra.Command) bool {
	return c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion"
}
