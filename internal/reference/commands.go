package reference

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands returns a program's commands and flags in Markdown, each as its help
// has it.
func Commands(root *cobra.Command) string {
	root.InitDefaultHelpFlag()
	var b strings.Builder
	command(&b, root, "##")
	return b.String()
}

func command(b *strings.Builder, c *cobra.Command, level string) {
	fmt.Fprintf(b, "%s %s\n\n", level, c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "```text\n%s\n\n%s\n```\n\n", c.UseLine(), text)
	if c.Example != "" {
		fmt.Fprintf(b, "```text\n%s\n```\n\n", strings.TrimRight(c.Example, "\n"))
	}
	if rows := flags(c); len(rows) > 0 {
		b.WriteString(Table([]string{"flag", "default", "meaning"}, rows) + "\n")
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			command(b, sub, "###")
		}
	}
}

func flags(c *cobra.Command) [][]string {
	var rows [][]string
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		rows = append(rows, []string{"`" + strings.TrimSpace("--"+f.Name+" "+kind) + "`", defaultOf(f), usage})
	})
	return rows
}

// defaultOf is empty where the default is nothing.
func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
		return ""
	}
	return "`" + f.DefValue + "`"
}
