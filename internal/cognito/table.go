package cognito

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Row is a line of the answer table: what a code with a text means.
type Row struct {
	// Code is the exception without "Exception".
	Code string
	// Texts are compared without case; the row holds where the message has one
	// of them. None: whatever the text.
	Texts   []string
	Outcome reset.Outcome
	Cause   reset.Cause
	// Reason says why the row is as it is.
	Reason string
}

// Matches reports whether the row holds for an answer.
func (r Row) Matches(code, text string) bool {
	if !strings.EqualFold(r.Code, bare(code)) {
		return false
	}
	text = strings.ToLower(text)
	return len(r.Texts) == 0 || slices.ContainsFunc(r.Texts, func(t string) bool {
		return strings.Contains(text, strings.ToLower(t))
	})
}

// bare is a code without the word that all of them end in.
func bare(code string) string {
	if n := len(code) - len("Exception"); n > 0 && strings.EqualFold(code[n:], "Exception") {
		return code[:n]
	}
	return code
}

// Rows returns the table in reading order: the first row that matches holds.
// Texts by which a pool's own Lambdas refuse one user make a row of their own.
func Rows(lambdaRefusals ...string) []Row {
	rows := slices.Clone(table)
	if len(lambdaRefusals) == 0 {
		return rows
	}
	general := slices.IndexFunc(rows, func(r Row) bool { return r.Code == "UserLambdaValidation" })
	return slices.Insert(rows, general, Row{
		Code: "UserLambdaValidation", Texts: slices.Clone(lambdaRefusals),
		Outcome: reset.Refused, Cause: reset.UserLambdaValidationRefused,
		Reason: "the pool's own Lambda refuses this user, as lambda_refusals says",
	})
}

// table is the reading of AWS's documentation and of public reports. The HTTP
// status is not in it: the wire says 400 where the model says 403, 404 or 429.
var table = []Row{
	{"LimitExceeded", []string{"Attempt limit exceeded"}, reset.UserLimited, reset.LimitExceededUser,
		"this user's requests of the last hour, 5 to 20; the others go on"},
	{"LimitExceeded", []string{"daily email limit"}, reset.QuotaSpent, reset.LimitExceededDailyEmail,
		"Cognito's own sender: 50 e-mails a day and account, again from 09:00 UTC"},
	{"LimitExceeded", nil, reset.Throttled, reset.LimitExceeded,
		"no user and no quota is named, so it is the rate"},
	{"TooManyRequests", nil, reset.Throttled, reset.TooManyRequests,
		"the account's calls a second in this Region, whoever made them"},
	{"Throttling", nil, reset.Throttled, reset.Throttling,
		"AWS's general throttle, which the SDK's model of this call leaves out"},

	{"InvalidParameter", []string{"no registered/verified email or phone_number"}, reset.Refused, reset.InvalidParameterNoVerifiedMedium,
		"nowhere to send a code to; also where the only medium serves MFA"},
	{"InvalidParameter", []string{"'username' failed to satisfy"}, reset.Refused, reset.InvalidParameterUsername,
		"a row that is no user name"},
	{"InvalidParameter", []string{"'emailBody' failed", "{####}"}, reset.Misconfigured, reset.InvalidParameterTemplate,
		"the CustomMessage Lambda makes a message that cannot be sent"},
	{"InvalidParameter", []string{"error from Amazon SES"}, reset.Misconfigured, reset.InvalidParameterSES,
		"the pool's sender identity is not verified"},
	{"InvalidParameter", nil, reset.Misconfigured, reset.InvalidParameter,
		"what no row can cause is caused by the configuration"},

	{"CodeDeliveryFailure", []string{"Maximum sending rate exceeded"}, reset.Throttled, reset.CodeDeliveryFailureSESRate,
		"SES's rate, often 14 a second and so below Cognito's"},
	{"CodeDeliveryFailure", []string{"Daily message quota exceeded"}, reset.QuotaSpent, reset.CodeDeliveryFailureSESQuota,
		"SES's quota over the last 24 hours"},
	{"CodeDeliveryFailure", []string{"Email address is not verified"}, reset.Misconfigured, reset.CodeDeliveryFailureSESIdentity,
		"SES in its sandbox, or an unverified sender: nobody gets anything"},
	{"CodeDeliveryFailure", []string{"Invalid email provided", "Unable to send the email"}, reset.Undeliverable, reset.CodeDeliveryFailureEmail,
		"this user's address"},
	{"CodeDeliveryFailure", nil, reset.Undeliverable, reset.CodeDeliveryFailure,
		"this user's medium; many in a row are the guard's business"},

	{"NotAuthorized", []string{"User password cannot be reset in the current state"}, reset.Refused, reset.NotAuthorizedState,
		"a user who must first change a temporary password, or who signs in elsewhere"},
	{"NotAuthorized", []string{"User is disabled"}, reset.Refused, reset.NotAuthorizedDisabled,
		"until an administrator enables the user"},
	{"NotAuthorized", []string{"Unable to verify secret hash", "SecretHash does not match"}, reset.Misconfigured, reset.NotAuthorizedSecretHash,
		"not this client's secret; the other one of a rotation is tried first"},
	{"NotAuthorized", []string{"configured for secret but secret was not received", "SECRET_HASH was not received"}, reset.Misconfigured, reset.NotAuthorizedSecretMissing,
		"the client has a secret and the file has none"},
	{"NotAuthorized", []string{"Contact administrator to reset password"}, reset.Misconfigured, reset.NotAuthorizedAdminOnly,
		"the pool's account recovery is for administrators only"},
	{"NotAuthorized", nil, reset.Refused, reset.NotAuthorized,
		"Cognito's word for one user's state; a burst is the guard's business"},

	{"UserNotFound", []string{"Exception migrating user"}, reset.Misconfigured, reset.UserNotFoundMigration,
		"the user migration Lambda failed, the user may well exist"},
	{"UserNotFound", nil, reset.Refused, reset.UserNotFound,
		"no such user; said only where the client does not hide unknown users"},
	{"UserNotConfirmed", nil, reset.Refused, reset.UserNotConfirmed,
		"in older documentation only, and not in the SDK's model"},
	{"ResourceNotFound", nil, reset.Misconfigured, reset.ResourceNotFound,
		"a wrong client id or a wrong Region"},

	{"UserLambdaValidation", nil, reset.Misconfigured, reset.UserLambdaValidation,
		"a Lambda that refuses, one user or all of them; name its texts in lambda_refusals"},
	{"UnexpectedLambda", []string{"AccessDenied", "due to configuration"}, reset.Misconfigured, reset.UnexpectedLambdaConfig,
		"Cognito may not, or cannot, call the Lambda"},
	{"UnexpectedLambda", []string{"Socket timeout"}, reset.Unanswered, reset.UnexpectedLambdaTimeout,
		"the Lambda may have run, several times, and may send messages itself"},
	{"UnexpectedLambda", []string{"TooManyRequestsException"}, reset.Throttled, reset.UnexpectedLambdaConcurrency,
		"the Lambda's concurrency"},
	{"UnexpectedLambda", nil, reset.Unanswered, reset.UnexpectedLambda,
		"how far the Lambda came is not known"},
	{"InvalidLambdaResponse", nil, reset.Misconfigured, reset.InvalidLambdaResponse,
		"a fault of the Lambda's code"},

	{"InvalidSmsRoleAccessPolicy", nil, reset.Misconfigured, reset.InvalidSmsRoleAccessPolicy,
		"the pool's role may not send SMS"},
	{"InvalidSmsRoleTrustRelationship", nil, reset.Misconfigured, reset.InvalidSmsRoleTrustRelationship,
		"the pool's role does not trust Cognito, or its external id differs"},
	{"InvalidEmailRoleAccessPolicy", nil, reset.Misconfigured, reset.InvalidEmailRoleAccessPolicy,
		"Cognito may not use the pool's sender identity"},
	{"Forbidden", nil, reset.Misconfigured, reset.Forbidden,
		"the pool's web ACL (WAF); trying on feeds its rule"},
	{"OperationNotEnabled", nil, reset.Misconfigured, reset.OperationNotEnabled,
		"a replica Region, which takes no writes"},

	{"InternalError", nil, reset.Unanswered, reset.InternalError,
		"how far Cognito came is not known"},
	{"ServiceUnavailable", nil, reset.Unanswered, reset.ServiceUnavailable,
		"as before; 5xx without a code reads the same"},
}

// Classify says what an answer means. The text is scrubbed of addresses and
// phone numbers, but not of a user name, which it does not know. A code that is
// in no row is Unanswered with the cause Other: perhaps something was sent.
func Classify(code, text string, lambdaRefusals ...string) *reset.Error {
	e := classify(Rows(lambdaRefusals...), code, text, 0)
	e.Text, e.Code = scrub(e.Text), scrubCode(e.Code)
	return e
}

// classify also takes the HTTP status, which counts only where there is no code.
func classify(rows []Row, code, text string, status int) *reset.Error {
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Matches(code, text) })
	switch {
	case i >= 0:
		return &reset.Error{Outcome: rows[i].Outcome, Cause: rows[i].Cause, Code: code, Text: text}
	case code != "":
		return &reset.Error{Outcome: reset.Unanswered, Cause: reset.Other, Code: code, Text: text}
	case status >= 500:
		return &reset.Error{Outcome: reset.Unanswered, Cause: reset.ServiceUnavailable, Code: httpCode(status)}
	}
	return &reset.Error{Outcome: reset.Unanswered, Cause: reset.Other, Code: httpCode(status)}
}

func httpCode(status int) string { return fmt.Sprintf("HTTP%d", status) }
