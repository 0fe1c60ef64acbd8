package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
)

// readable leaves out the running campaigns whose roster key no worker has.
// Their rows would fill the window and be handed round for nothing; so they
// stay as they are, and go on by themselves when a worker with the key is there.
// Standing campaigns stay in: of their rows some may be readable.
func (f *feeder) readable(ctx context.Context, all []campaign.Campaign) ([]campaign.Campaign, error) {
	kept := make([]campaign.Campaign, 0, len(all))
	missing := map[string]string{}
	for _, c := range all {
		key, err := f.missingKey(ctx, c)
		if err != nil {
			return nil, err
		}
		if key == "" {
			kept = append(kept, c)
		} else {
			missing[c.ID] = key
		}
	}
	f.sayKeys(missing)
	return kept, nil
}

// missingKey asks for the workers' keys only when this one's are not enough.
func (f *feeder) missingKey(ctx context.Context, c campaign.Campaign) (string, error) {
	if c.State != campaign.Running || c.Standing || opensAll(campaign.Worker{Keys: f.pool.Store.Pool().Keys.IDs()}, c.Keys) {
		return "", nil
	}
	if time.Since(f.crewSeen) >= listEvery {
		crew, err := f.pool.Store.Workers(ctx)
		if err != nil {
			return "", err
		}
		f.crew, f.crewSeen = crew, time.Now()
	}
	return c.MissingKey(f.crew), nil
}

// sayKeys tells the log what has changed.
func (f *feeder) sayKeys(missing map[string]string) {
	for id, key := range missing {
		if f.keys[id] != key {
			f.log.Error("a campaign waits: no worker has its roster key", "campaign", id, "key", key,
				"next", "put the key back into roster_keys and start the workers again")
		}
	}
	for id := range f.keys {
		if missing[id] == "" {
			f.log.Info("a campaign no longer waits for its roster key", "campaign", id)
		}
	}
	f.keys = missing
}

// maxDamages bounds what the feeder remembers to have said.
const maxDamages = 1000

// passOver takes note of rows and campaigns that cannot be read, and tells the
// log of each once: the others go on. Any other error is returned.
func (f *feeder) passOver(err error) error {
	if err == nil || !campaign.Unreadable(err) {
		return err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			f.damage(one)
		}
		return nil
	}
	f.damage(err)
	return nil
}

func (f *feeder) damage(err error) {
	said := err.Error()
	if f.damages[said] {
		return
	}
	if len(f.damages) == maxDamages {
		clear(f.damages)
	}
	f.damages[said] = true
	if errors.As(err, new(campaign.ErrDamagedCampaign)) {
		f.log.Error("campaigns cannot be read; the others go on", "err", err)
		return
	}
	f.log.Error("rows cannot be read; the others go on", "err", err)
}
