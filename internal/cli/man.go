package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes the manual pages, for those who make packages. The pages
// are named as the program was called.
func (p *Program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIRECTORY", Short: "Write the manual pages into a directory", Hidden: true, Args: Args("DIRECTORY"),
		RunE: func(c *cobra.Command, args []string) error {
			date, err := p.manDate()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("the manual pages: %w", err)
			}
			return p.manPages(c.Root(), date, args[0])
		},
	}
}

// manDate is the same for everybody who makes the same package: that of
// SOURCE_DATE_EPOCH, which they set. Without it the pages have no day to speak
// of, rather than the one on which they were made.
func (p *Program) manDate() (time.Time, error) {
	text := p.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, Usage("SOURCE_DATE_EPOCH: %q are not seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// manPages writes the page of c, and those of its commands.
func (p *Program) manPages(c *cobra.Command, date time.Time, dir string) error {
	path := filepath.Join(dir, pageName(c)+".1")
	if err := os.WriteFile(path, []byte(p.manPage(c, date)), 0o644); err != nil {
		return fmt.Errorf("the manual pages: %w", err)
	}
	for _, sub := range c.Commands() {
		if !isVerb(sub) {
			continue
		}
		if err := p.manPages(sub, date, dir); err != nil {
			return err
		}
	}
	return nil
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func (p *Program) manPage(c *cobra.Command, date time.Time) string {
	var r roff
	r.title(pageName(c), date.Format("Jan 2006"), "rekey "+Version())
	r.section("NAME")
	r.line(escaped(pageName(c)) + ` \- ` + escaped(c.Short))
	r.section("SYNOPSIS")
	r.line(bold(c.CommandPath()) + " " + escaped(strings.TrimPrefix(c.UseLine(), c.CommandPath()+" ")))
	r.section("DESCRIPTION")
	if c.Long == "" {
		r.prose(c.Short + ".")
	} else {
		r.prose(c.Long)
	}
	manCommands(&r, c)
	manOptions(&r, c)
	if c.Example != "" {
		r.section("EXAMPLES")
		r.prose(strings.TrimRight(c.Example, "\n"))
	}
	p.manSurroundings(&r)
	r.section("SEE ALSO")
	r.line(strings.Join(p.manOthers(c), ",\n"))
	return r.String()
}

func manCommands(r *roff, c *cobra.Command) {
	if len(verbs(c)) == 0 {
		return
	}
	r.section("COMMANDS")
	for _, sub := range c.Commands() {
		if isVerb(sub) {
			r.term(bold(sub.Name())+escaped(strings.TrimPrefix(sub.Use, sub.Name())), sub.Short)
		}
	}
}

// manOptions lists flags as help does: the command's own first.
func manOptions(r *roff, c *cobra.Command) {
	c.InitDefaultHelpFlag()
	c.InitDefaultVersionFlag()
	r.section("OPTIONS")
	for _, flags := range []*pflag.FlagSet{c.NonInheritedFlags(), c.InheritedFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				r.term(manFlag(f))
			}
		})
	}
}

func manFlag(f *pflag.Flag) (head, text string) {
	kind, text := pflag.UnquoteUsage(f)
	head = bold("--" + f.Name)
	if f.Shorthand != "" {
		head = bold("-"+f.Shorthand) + ", " + head
	}
	if kind != "" {
		head += " " + italic(kind)
	}
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
		return head, text
	}
	return head, text + " (default " + strings.Trim(f.DefValue, "[]") + ")"
}

// manOthers are the pages to go on with: the command above or those below, and
// the other programs, under the names by which they are installed.
func (p *Program) manOthers(c *cobra.Command) []string {
	var pages []string
	page := func(name string) { pages = append(pages, bold(name)+"(1)") }
	if c.HasParent() {
		page(pageName(c.Parent()))
	}
	for _, name := range verbs(c) {
		page(pageName(c) + "-" + name)
	}
	for _, other := range p.all() {
		if other != p.Name {
			page(other)
		}
	}
	return pages
}
