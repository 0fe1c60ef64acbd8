package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/roster"
)

func TestEveryKeyThatIsMissingIsNamedWithWhatItSeals(t *testing.T) {
	t.Parallel()
	damaged := campaign.ErrDamaged{Key: "k", Campaign: "c", Last: 9, Err: errors.New("cut off")}
	one, two := campaign.ErrNoKey{Err: roster.ErrNoKey{ID: "one"}}, campaign.ErrNoKey{Err: roster.ErrNoKey{ID: "two"}}
	const put = ", which is not among roster_keys (none is set): put that key back into roster_keys"
	for _, c := range []struct {
		name string
		all  []error
		want string
	}{
		{"one key", []error{one, one}, "done but for what is named above, 2 parts in all: it is sealed with roster key one" + put},
		{"two keys", []error{one, two, one}, "done but for what is named above, 3 parts in all; 2 are sealed with roster key one" + put +
			"; 1 is sealed with roster key two" + put},
		{"a key and a damage", []error{damaged, one}, "done but for what is named above, 2 parts in all; 1 is sealed with roster key one" + put},
		{"damages", []error{damaged, damaged}, "done but for what is named above, 2 parts in all"},
	} {
		var said bytes.Buffer
		p := &program{Program: &cli.Program{Name: "campaign", Stderr: &said, Getenv: func(string) string { return "" }}}
		u := unread{program: p, progress: p.Progress("x")}
		for _, err := range c.all {
			u.note(err)
		}
		if err := u.err("done"); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
		if strings.Count(said.String(), "key one") > 1 {
			t.Errorf("%s: a key is named twice:\n%s", c.name, &said)
		}
	}
}
