package cli

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekeyhq/rekey/internal/config"
)

// completeWithin is how long a shell waits for Redis at the tab key. What it
// cannot know by then it does not offer.
const completeWithin = time.Second

// Completion offers words; it says nothing of what goes wrong.
type Completion = func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective)

// Words offers these, in this order.
func Words(words ...string) Completion {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
}

// filesAt are the flags that take a file.
var filesAt = []string{"config", "file", "rejects", "faults", "journal", "users-file", "client-secret-file"}

// Complete makes a whole program complete what it knows by itself: choices,
// pools, files, and nothing where there is nothing to offer.
func (p *Program) Complete(root *cobra.Command) {
	root.LocalFlags().VisitAll(func(f *pflag.Flag) { p.completeFlag(root, f) })
	for _, c := range root.Commands() {
		p.Complete(c)
	}
	if root.ValidArgsFunction == nil {
		root.ValidArgsFunction = cobra.NoFileCompletions
	}
}

func (p *Program) completeFlag(cmd *cobra.Command, f *pflag.Flag) {
	if _, ok := cmd.GetFlagCompletionFunc(f.Name); ok || f.Value.Type() == "bool" || slices.Contains(filesAt, f.Name) {
		return
	}
	offer := cobra.NoFileCompletions
	if c, ok := f.Value.(*Choice); ok {
		offer = Words(c.allowed...)
	} else if f.Name == "pool" {
		offer = p.completePools
	}
	_ = cmd.RegisterFlagCompletionFunc(f.Name, offer) // it is not there yet
}

func (p *Program) completePools(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	cfg, err := p.Config()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(cfg.Pools)), cobra.ShellCompDirectiveNoFileComp
}

// FromRedis offers what ask finds in the configuration's Redis, and nothing
// where that takes longer than a user would wait.
func (p *Program) FromRedis(ask func(context.Context, *config.Config, redis.UniversalClient) []cobra.Completion) Completion {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		cfg, err := p.Config()
		if err != nil || len(args) > 0 {
			return nil, directive
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		rdb, err := OpenRedis(ctx, cfg.Redis)
		if err != nil {
			return nil, directive
		}
		defer func() { _ = rdb.Close() }() // it was only read
		return ask(ctx, cfg, rdb), directive
	}
}
