package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// reportLine is a row as NDJSON has it. The names are a contract.
type reportLine struct {
	Row      string `json:"row"`
	Line     int64  `json:"line"`
	Username string `json:"username"`
	State    string `json:"state"`
	Cause    string `json:"cause"`
	Attempts int    `json:"attempts"`
	Medium   string `json:"medium"`
	At       string `json:"at"`
}

var reportHead = []string{"row", "line", "username", "state", "cause", "attempts", "medium", "at"}

func lineOf(l campaign.Line) reportLine {
	return reportLine{
		Row: l.Ref.String(), Line: l.Line, Username: l.Username.Reveal(), State: l.State.String(),
		Cause: l.Cause.String(), Attempts: int(l.Attempts), Medium: l.Medium.String(), At: cli.Time(l.At),
	}
}

func (r reportLine) fields() []string {
	return []string{r.Row, strconv.FormatInt(r.Line, 10), r.Username, r.State, r.Cause, strconv.Itoa(r.Attempts), r.Medium, r.At}
}

func (p *program) report() *cobra.Command {
	output := cli.OneOf("csv", "ndjson")
	var state, cause string
	cmd := &cobra.Command{
		Use: "report ID", Short: "Print a line a user: what became of it", Args: cli.Args("ID"),
		Long: `Prints a line a user: row, line in the file, username, state, cause of the last
answer, attempts, medium, and the time of the last change or, of a row that
waits, the time before which it is not called. Dead letters are the rows in
state dead, and those of in_doubt that are parked.

In CSV an apostrophe and a space stand before a username that a spreadsheet
would take for a formula, such as +15551234567; enqueue takes them away again.
NDJSON has every username as it is.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := campaign.ParseFilter(state, cause)
			if err != nil {
				return cli.WithCode(cli.CodeUsage, err)
			}
			return p.at(cmd.Context(), args[0], func(t *target) error {
				c, err := t.Campaign(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.rows(cmd.Context(), t, c, filter, output.String())
			})
		},
	}
	cmd.Flags().Var(output, "output", "how to print")
	cmd.Flags().StringVar(&state, "state", "", "only rows in a state")
	cmd.Flags().StringVar(&cause, "cause", "", "only rows of a cause or family of causes, such as CodeDeliveryFailure")
	return cmd
}

// rows streams the report. A damaged chunk is named, and the rest goes on.
func (p *program) rows(ctx context.Context, t *target, c campaign.Campaign, f campaign.Filter, format string) error {
	if c.Expired {
		_, _ = fmt.Fprintf(p.Stderr, "%s: %v; usernames are not known any more\n", p.Name, campaign.ErrExpired{ID: c.ID})
	}
	w := bufio.NewWriterSize(p.Stdout, 1<<16)
	put, err := writer(w, format)
	if err != nil {
		return err
	}
	damaged := 0
	for line, err := range t.Rows(ctx, c, f) {
		if errors.As(err, new(campaign.ErrDamaged)) {
			damaged++
			_, _ = fmt.Fprintf(p.Stderr, "%s: %v\n", p.Name, err)
			continue
		}
		if err == nil {
			err = put(lineOf(line))
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
	}
	if err := w.Flush(); err != nil || damaged == 0 {
		return err
	}
	return fmt.Errorf("the report is complete but for what is named above: %d parts of the roster are damaged", damaged)
}

// writer returns what writes a line in a format.
func writer(w io.Writer, format string) (func(reportLine) error, error) {
	if format == "ndjson" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return func(r reportLine) error { return e.Encode(r) }, nil
	}
	// Not w itself: a csv.Writer takes a bufio.Writer for its own, and would
	// flush it to the end with every row.
	out := csv.NewWriter(struct{ io.Writer }{w})
	put := func(fields []string) error {
		if err := out.Write(fields); err != nil {
			return err
		}
		out.Flush() // into w, so that the order of lines and damages is kept
		return out.Error()
	}
	return func(r reportLine) error {
		r.Username = roster.Neutral(r.Username)
		return put(r.fields())
	}, put(reportHead)
}

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
		return reset.Personal{}, cli.Usage("--username is missing")
	}
	return reset.Hide(name), nil
}

// sought is whom find looks for, and where.
type sought struct {
	id   string
	name reset.Personal
}

func (p *program) search(ctx context.Context, t *target, s sought, format string) error {
	found, err := t.Find(ctx, s.id, s.name)
	if err != nil && !errors.As(err, new(campaign.ErrDamaged)) {
		return err
	}
	where := "pool " + t.pool.Name
	if s.id != "" {
		where = s.id
	}
	switch {
	case err == nil && len(found) == 0 && format == "json":
		err = errors.Join(cli.JSON(p.Stdout, []reportLine{}), fmt.Errorf("no row of that user in %s", where))
	case err == nil && len(found) == 0:
		err = fmt.Errorf("no row of that user in %s", where)
	case len(found) > 0:
		err = errors.Join(p.foundRows(found, format), err)
	}
	return err
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
