package cli

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
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
			root := c.Root()
			root.DisableAutoGenTag = true
			root.InitDefaultHelpFlag()
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("the manual pages: %w", err)
			}
			return doc.GenManTree(root, &doc.GenManHeader{Date: &date, Source: "rekey " + Version(), Manual: "rekey"}, args[0])
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
