package main

import (
	"errors"

	"github.com/rekeyhq/rekey/internal/reset"
)

// judge says what the answer to a probe means. It is about a name that does not
// exist, so it means other things than the answer about a user.
func judge(err error) finding {
	outcome, cause := reset.OutcomeOf(err)
	switch {
	case errors.Is(err, errNoToken):
		return finding{Level: failed, Says: "not made: " + err.Error(), Do: "try again when the workers leave room"}
	case outcome == reset.Accepted:
		return finding{Level: warned,
			Says: "accepted, for a name that does not exist: Region, client and secret are right, and the client hides unknown users (PreventUserExistenceErrors)",
			Do:   "expect that unknown, disabled and unverified users count as accepted"}
	case cause == reset.UserNotFound:
		return finding{Level: fine, Says: "UserNotFound: Region, client and secret are right, and unknown users are told apart"}
	case outcome == reset.Throttled, outcome == reset.QuotaSpent:
		return finding{Level: warned, Says: err.Error(), Do: "somebody else uses the account's quota; check again later"}
	}
	return finding{Level: failed, Says: err.Error(), Do: repair(outcome, cause)}
}

// repair is what to do about a probe that was not answered as it should be.
func repair(outcome reset.Outcome, cause reset.Cause) string {
	switch cause {
	case reset.ResourceNotFound:
		return "correct client_id or region: this Region has no such client"
	case reset.NotAuthorizedSecretHash:
		return "correct client_secrets: this is not the client's secret, or the client has none"
	case reset.NotAuthorizedSecretMissing:
		return "name the client's secret under client_secrets"
	case reset.NotAuthorizedAdminOnly:
		return "let users recover their accounts in the user pool (AccountRecoverySetting is admin only)"
	case reset.Forbidden:
		return "let this machine pass the web ACL (WAF) of the user pool"
	case reset.OperationNotEnabled:
		return "use the Region in which the user pool takes this call"
	case reset.UserNotFoundMigration, reset.UnexpectedLambda, reset.UnexpectedLambdaConfig, reset.UnexpectedLambdaTimeout,
		reset.UserLambdaValidation, reset.InvalidLambdaResponse:
		return "repair the user pool's Lambda triggers"
	case reset.Dial, reset.DNS, reset.TLS:
		return "let this machine reach Cognito's endpoint directly; proxies are not used"
	}
	if outcome == reset.Refused {
		return "find out why: it speaks of a user, and there is none of that name"
	}
	if outcome == reset.Misconfigured {
		return "repair what the answer says"
	}
	return "check again; if it stays so, look at the network and at AWS's health"
}
