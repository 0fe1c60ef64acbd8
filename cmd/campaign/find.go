package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reset"
)

func (p *program) find() *cobra.Command {
	output := cli.OneOf("table", "json")
	var username string
	cmd := &cobra.Command{
		Use: "find [ID] --username U", Short: "Find a user's rows, in a campaign or in all of the pool", Args: cli.AtMost("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			name, err := p.username(ctx, username)
			if err != nil {
				return err
			}
			id := strings.Join(args, "")
			search := func(t *target) error { return p.search(ctx, t, sought{id, name}, output.String()) }
			if id != "" {
				return p.at(ctx, id, search)
			}
			return p.one(ctx, search)
		},
	}
	cmd.Flags().Var(output, "output", "how to print")
	cmd.Flags().StringVar(&username, "username", "", "whom to look for; - reads the name from stdin")
	return cmd
}

// username reads the name from stdin if it is -, where no other user of the
// machine sees it.
func (p *program) username(ctx context.Context, name string) (reset.Personal, error) {
	if name == "-" {
		line, err := bufio.NewReader(cli.Interruptible(ctx, io.LimitReader(p.Stdin, 4096))).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return reset.Personal{}, err
		}
		name = strings.TrimRight(line, "\r\n")
	}
	if name == "" {
		return reset.Personal{}, cli.Usage("--username is missing: name the user, or write - and the name into stdin")
	}
	return reset.Hide(name), nil
}

// sought is whom find looks for, and where.
type sought struct {
	id   string
	name reset.Personal
}

func (p *program) search(ctx context.Context, t *target, s sought, format string) error {
	ctx, progress := p.watched(ctx, "searching")
	defer progress.End()
	found, err := t.Find(ctx, s.id, s.name)
	progress.End()
	if err != nil && !campaign.Unreadable(err) {
		return err
	}
	unread := unread{program: p, progress: progress}
	unread.note(err)
	p.notSearched(found.Expired)
	if len(found.Lines) > 0 || format == "json" {
		err = p.foundRows(found.Lines, format)
	} else {
		err = nil
	}
	if len(found.Lines) == 0 {
		err = errors.Join(err, fmt.Errorf("no row of that user in %s: %s", s.where(t), s.elsewhere()))
	}
	return errors.Join(err, unread.err("everything was searched"))
}

func (s sought) where(t *target) string {
	if s.id != "" {
		return s.id
	}
	return "pool " + t.pool.Name
}

// elsewhere is where to look next for one who was not found.
func (s sought) elsewhere() string {
	if s.id != "" {
		return "without the ID all of the pool is searched"
	}
	return "write the name as the loaded list had it; --pool searches another pool"
}

// notSearched says where a user may have been as well.
func (p *program) notSearched(expired []string) {
	if len(expired) == 0 {
		return
	}
	const shown = 10
	list := strings.Join(expired[:min(len(expired), shown)], ", ")
	if more := len(expired) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	_, _ = fmt.Fprintf(p.Stderr, "%s: not searched, since their rosters were deleted after the retention: %s\n", p.Name, list)
}

func (p *program) foundRows(found []campaign.Line, format string) error {
	lines := make([]reportLine, len(found))
	cells := make([][]string, len(found))
	for i, l := range found {
		lines[i] = lineOf(l)
		cells[i] = []string{lines[i].Row, lines[i].State, lines[i].Cause, strconv.Itoa(lines[i].Attempts), lines[i].Medium, lines[i].At}
	}
	if format == "json" {
		return cli.JSON(p.Stdout, lines)
	}
	return cli.Table(p.Stdout, []string{"ROW", "STATE", "CAUSE", "ATTEMPTS ", "MEDIUM", "AT"}, cells)
}
