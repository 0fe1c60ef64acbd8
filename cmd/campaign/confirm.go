package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

// unconfirmed is a number that no campaign has, and none is near.
const unconfirmed = -1 << 40

// number is what --confirm says.
func number(c cli.Confirmation) int64 {
	if !c.Given {
		return unconfirmed
	}
	return c.N
}

// confirmed turns the store's refusal into the number and the command that
// would be taken.
func (p *program) confirmed(err error, again string) error {
	var wrong campaign.ErrConfirm
	if !errors.As(err, &wrong) {
		return err
	}
	if wrong.Want == 0 && strings.HasPrefix(again, "replay") {
		return cli.Refused(fmt.Errorf("%s: no row of it is such a dead letter; there is nothing to replay", wrong.ID))
	}
	text := wrong.Error()
	if wrong.Have == unconfirmed {
		text = fmt.Sprintf("%s: --confirm is missing: the number to confirm is %d (%s); nothing was changed", wrong.ID, wrong.Want, wrong.Of)
	}
	return &cli.Error{
		Code: cli.CodeRefused, Err: errors.New(text),
		Hint: fmt.Sprintf("Next:  %s", p.next("%s --confirm %d", again, wrong.Want)),
	}
}
