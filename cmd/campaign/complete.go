package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/reset"
)

// forStates says which campaigns a command can do something with; commands that
// are not here take all of them.
var forStates = map[string][]campaign.Status{
	"start":  {campaign.Draft},
	"pause":  {campaign.Running},
	"resume": {campaign.Paused, campaign.Halted},
	"cancel": {campaign.Draft, campaign.Running, campaign.Paused, campaign.Halted},
	"wait":   {campaign.Running, campaign.Paused, campaign.Halted},
	"replay": {campaign.Running, campaign.Paused, campaign.Halted, campaign.Done},
	"delete": {campaign.Loading, campaign.Draft, campaign.Paused, campaign.Halted, campaign.Done, campaign.Cancelled},
}

// complete makes every command complete its campaigns.
func (p *program) complete(root *cobra.Command) {
	for _, c := range root.Commands() {
		if !slices.Contains([]string{"list", "man", "help"}, c.Name()) {
			c.ValidArgsFunction = p.completeIDs(forStates[c.Name()])
		}
	}
	p.Complete(root)
}

func rowStates() []string {
	var words []string
	for s := campaign.Planned; s <= campaign.Skipped; s++ {
		words = append(words, s.String())
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func causeWords() []string {
	var words []string
	for _, c := range reset.Causes() {
		words = append(words, c.String())
	}
	return words
}

// completeIDs offers campaigns in these states, and says of each what it is.
func (p *program) completeIDs(states []campaign.Status) cli.Completion {
	return p.FromRedis(func(ctx context.Context, cfg *config.Config, rdb redis.UniversalClient) []cobra.Completion {
		var ids []cobra.Completion
		for _, c := range p.known(ctx, cfg, rdb) {
			if len(states) == 0 || slices.Contains(states, c.State) {
				ids = append(ids, cobra.CompletionWithDesc(c.ID, fmt.Sprintf("%s, %s users", c.State, cli.Count(c.Total))))
			}
		}
		return ids
	})
}

// known returns the campaigns of --pool, or of all pools of the file, as far
// as they can be read.
func (p *program) known(ctx context.Context, cfg *config.Config, rdb redis.UniversalClient) []campaign.Campaign {
	var all []campaign.Campaign
	for _, name := range slices.Sorted(maps.Keys(cfg.Pools)) {
		if p.pool != "" && p.pool != name {
			continue
		}
		if some, err := campaign.Look(ctx, rdb, name); err == nil {
			all = append(all, some...)
		}
	}
	return all
}

// meant says of a campaign that is not there which one may have been meant.
func (p *program) meant(ctx context.Context, s *session, err error) error {
	var unknown campaign.ErrUnknown
	if !errors.As(err, &unknown) {
		return err
	}
	var ids []string
	for _, c := range p.known(ctx, s.config, s.rdb) {
		ids = append(ids, c.ID)
	}
	return &cli.Error{Code: cli.CodeUsage, Err: fmt.Errorf("%w%s", err, cli.Meant(unknown.ID, ids)), Hint: "see  " + p.next("list")}
}

// parseFilter reads --state and --cause, which are words that there are.
func parseFilter(state, cause string) (campaign.Filter, error) {
	f, err := campaign.ParseFilter(state, cause)
	return f, cli.WithCode(cli.CodeUsage, err)
}
