package campaign

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Halt is why a pool's campaigns, or a campaign, stopped by themselves.
type Halt struct {
	// Pool: every running campaign of the pool is halted; else one campaign, by its guard.
	Pool bool
	// Reason and Next are for people: what happened, and what to do.
	Reason, Next string
	// Cause and Sample are those of the answer that halted the pool.
	Cause  reset.Cause
	Sample string
	At     time.Time
}

// Halt returns the pool's halt, or nil.
func (s *Store) Halt(ctx context.Context) (*Halt, error) {
	h, err := s.rdb.HGetAll(ctx, s.keys.halt()).Result()
	if err != nil {
		return nil, fmt.Errorf("halt of pool %s: %w", s.pool.Name, err)
	}
	if len(h) == 0 {
		return nil, nil
	}
	at, err := strconv.ParseInt(h["at"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("halt of pool %s: at: %w", s.pool.Name, err)
	}
	// A cause of a newer version is unknown here; the halt stands all the same.
	cause, err := reset.ParseCause(h["cause"])
	if err != nil {
		cause = reset.Other
	}
	return &Halt{Pool: true, Reason: h["reason"], Next: h["next"], Cause: cause,
		Sample: h["sample"], At: time.UnixMilli(at).UTC()}, nil
}

// ClearHalt ends the pool's halt and forgets what led to it.
func (s *Store) ClearHalt(ctx context.Context) error {
	if err := s.rdb.Del(ctx, s.keys.halt(), s.keys.misconfigured()).Err(); err != nil {
		return fmt.Errorf("halt of pool %s: %w", s.pool.Name, err)
	}
	return nil
}

// Finish makes a campaign done that has only final rows and whose day is over.
// For standing campaigns: nothing else happens to them at midnight.
func (s *Store) Finish(ctx context.Context, c Campaign) (bool, error) {
	n, err := s.run(ctx, "finish", s.keys.chunk(c.ID, 0), c.ID, c.Generation).Int64()
	if err != nil {
		return false, fmt.Errorf("end of %s: %w", c.ID, err)
	}
	return n == 1, nil
}

// nextStep is what an operator does about a pool that halted by this cause.
func nextStep(c reset.Cause) string {
	return repair(c) + ", restart the workers, then  campaign resume  any of the pool's campaigns"
}

func repair(c reset.Cause) string {
	switch c {
	case reset.ResourceNotFound:
		return "correct region and client_id of the pool in rekey.yaml"
	case reset.NotAuthorizedSecretHash, reset.NotAuthorizedSecretMissing:
		return "correct client_secrets of the pool in rekey.yaml"
	case reset.NotAuthorizedAdminOnly:
		return "let users recover their accounts in the user pool (AccountRecoverySetting is admin only)"
	case reset.InvalidSmsRoleAccessPolicy, reset.InvalidSmsRoleTrustRelationship, reset.InvalidEmailRoleAccessPolicy:
		return "repair the IAM role by which the user pool sends"
	case reset.InvalidParameterSES, reset.CodeDeliveryFailureSESIdentity:
		return "verify the sender in SES, or leave its sandbox"
	case reset.UserLambdaValidation:
		return "repair the user pool's Lambda trigger, or list the text under lambda_refusals if it refuses this user alone"
	case reset.UnexpectedLambdaConfig, reset.InvalidLambdaResponse, reset.UserNotFoundMigration, reset.InvalidParameterTemplate:
		return "repair the user pool's Lambda trigger"
	case reset.Forbidden:
		return "let the workers pass the web ACL of the user pool"
	case reset.OperationNotEnabled:
		return "use the Region in which the user pool takes this call"
	}
	return "repair what the sample says"
}
