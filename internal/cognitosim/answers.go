package cognitosim

import "net/http"

// Answer is a way in which Cognito answers other than with 200, or fails to.
type Answer struct {
	// Word names the answer in scripts.
	Word string
	// Code is the exception's name as the wire has it; empty for what is no exception.
	Code string
	// Text is the message. {username} and {client} stand for the call's own.
	Text string
	// Status is the HTTP status, 400 unless something else is said.
	Status int
	// Doubt says that the message may have left before this answer came.
	Doubt bool

	end  ending
	page string // what is sent in place of JSON
}

// ending is how a call ends on the connection.
type ending uint8

const (
	answered  ending = iota
	paged            // an answer that Cognito itself did not write
	hungUp           // the connection is reset
	neverEnds        // nothing comes, until the caller leaves
)

// ISE and SU are pages as load balancers in front of AWS's services write them.
const (
	pageISE = "<html><head><title>500 Internal Server Error</title></head><body><center><h1>500 Internal Server Error</h1></center></body></html>\n"
	pageSU  = "<html><body><b>Http/1.1 Service Unavailable</b></body> </html>"
)

// The words of the answers that are no exceptions.
const (
	HangUpBefore = "HangUp.Before" // reset before anything was done
	HangUpAfter  = "HangUp.After"  // done as ever, then reset
	Timeout      = "Timeout"       // done as ever, never answered
	Reset        = "Reset"         // reset; done or not, by chance
	HTML500      = "HTML500"
	HTML503      = "HTML503"
	Empty500     = "Empty500"
)

// answers is the whole table, in the order of reference/cognito.md. The texts
// are those of public reports where there are any.
var answers = [...]Answer{
	{Word: "LimitExceeded.User", Code: "LimitExceededException", Text: "Attempt limit exceeded, please try after some time."},
	{Word: "LimitExceeded.DailyEmail", Code: "LimitExceededException", Text: "Exceeded daily email limit for the operation or the account. If a higher limit is required, please configure your user pool to use your own Amazon SES configuration for sending email."},
	{Word: "LimitExceeded", Code: "LimitExceededException", Text: "Exceeded limit for the requested operation."},
	{Word: "TooManyRequests", Code: "TooManyRequestsException", Text: "Rate exceeded"},
	{Word: "Throttling", Code: "ThrottlingException", Text: "Rate exceeded"},
	{Word: "InvalidParameter.NoVerifiedMedium", Code: "InvalidParameterException", Text: "Cannot reset password for the user as there is no registered/verified email or phone_number"},
	{Word: "InvalidParameter.Username", Code: "InvalidParameterException", Text: `1 validation error detected: Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+`},
	{Word: "InvalidParameter.Template", Code: "InvalidParameterException", Text: `1 validation error detected: Value at 'emailBody' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*\{####\}[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*`},
	{Word: "InvalidParameter.SES", Code: "InvalidParameterException", Text: "The following error from Amazon SES occurred: Email address is not verified. The following identities failed the check in region US-EAST-1: {username}"},
	{Word: "InvalidParameter", Code: "InvalidParameterException", Text: "Cannot use IP Address passed into UserContextData"},
	{Word: "CodeDeliveryFailure.SESRate", Code: "CodeDeliveryFailureException", Text: "Maximum sending rate exceeded."},
	{Word: "CodeDeliveryFailure.SESQuota", Code: "CodeDeliveryFailureException", Text: "Daily message quota exceeded."},
	{Word: "CodeDeliveryFailure.SESIdentity", Code: "CodeDeliveryFailureException", Text: "Email address is not verified. The following identities failed the check in region US-EAST-1: {username}"},
	{Word: "CodeDeliveryFailure.Email", Code: "CodeDeliveryFailureException", Text: "Invalid email provided/Unable to send the email"},
	{Word: "CodeDeliveryFailure", Code: "CodeDeliveryFailureException", Text: "Unable to deliver code to user"},
	{Word: "NotAuthorized.State", Code: "NotAuthorizedException", Text: "User password cannot be reset in the current state."},
	{Word: "NotAuthorized.Disabled", Code: "NotAuthorizedException", Text: "User is disabled."},
	{Word: "NotAuthorized.SecretHash", Code: "NotAuthorizedException", Text: "Unable to verify secret hash for client {client}"},
	{Word: "NotAuthorized.SecretMissing", Code: "NotAuthorizedException", Text: "Client {client} is configured for secret but secret was not received"},
	{Word: "NotAuthorized.AdminOnly", Code: "NotAuthorizedException", Text: "Contact administrator to reset password."},
	{Word: "NotAuthorized", Code: "NotAuthorizedException", Text: "Not authorized."},
	{Word: "UserNotFound.Migration", Code: "UserNotFoundException", Text: "Exception migrating user in app client {client}"},
	{Word: "UserNotFound", Code: "UserNotFoundException", Text: "Username/client id combination not found."},
	{Word: "UserNotConfirmed", Code: "UserNotConfirmedException", Text: "User is not confirmed."},
	{Word: "ResourceNotFound", Code: "ResourceNotFoundException", Text: "User pool client {client} does not exist."},
	{Word: "UserLambdaValidation", Code: "UserLambdaValidationException", Text: "CustomMessage failed with error Cannot read properties of undefined (reading 'name')."},
	{Word: "UserLambdaValidation.Refused", Code: "UserLambdaValidationException", Text: "CustomMessage failed with error no reset for {username}."},
	{Word: "UnexpectedLambda.Config", Code: "UnexpectedLambdaException", Text: "CustomMessage invocation failed due to configuration."},
	{Word: "UnexpectedLambda.Timeout", Code: "UnexpectedLambdaException", Text: "CustomMessage invocation failed due to error Socket timeout while invoking Lambda function.", Doubt: true},
	{Word: "UnexpectedLambda.Concurrency", Code: "UnexpectedLambdaException", Text: "CustomMessage invocation failed due to error TooManyRequestsException."},
	{Word: "UnexpectedLambda", Code: "UnexpectedLambdaException", Text: "CustomMessage failed with error Unhandled.", Doubt: true},
	{Word: "InvalidLambdaResponse", Code: "InvalidLambdaResponseException", Text: "Unrecognizable lambda output"},
	{Word: "InvalidSmsRoleAccessPolicy", Code: "InvalidSmsRoleAccessPolicyException", Text: "Role does not have permission to publish with SNS"},
	{Word: "InvalidSmsRoleTrustRelationship", Code: "InvalidSmsRoleTrustRelationshipException", Text: "Role does not have a trust relationship allowing Cognito to assume the role"},
	{Word: "InvalidEmailRoleAccessPolicy", Code: "InvalidEmailRoleAccessPolicyException", Text: "Cognito is not allowed to use your email identity."},
	{Word: "Forbidden", Code: "ForbiddenException", Text: "Request not allowed due to WAF block.", Status: http.StatusForbidden},
	{Word: "OperationNotEnabled", Code: "OperationNotEnabledException", Text: "Operation is not enabled in this region."},
	{Word: "InternalError", Code: "InternalErrorException", Text: "Internal Error", Status: http.StatusInternalServerError, Doubt: true},
	{Word: "ServiceUnavailable", Code: "ServiceUnavailable", Text: "Service is unavailable.", Status: http.StatusServiceUnavailable, Doubt: true},
	{Word: "Other", Code: "UnheardOfException", Text: "Something that nobody has listed.", Doubt: true},

	{Word: HangUpBefore, end: hungUp},
	{Word: HangUpAfter, end: hungUp, Doubt: true},
	{Word: Timeout, end: neverEnds, Doubt: true},
	{Word: Reset, end: hungUp, Doubt: true},
	{Word: HTML500, end: paged, page: pageISE, Status: http.StatusInternalServerError, Doubt: true},
	{Word: HTML503, end: paged, page: pageSU, Status: http.StatusServiceUnavailable, Doubt: true},
	{Word: Empty500, end: paged, Status: http.StatusInternalServerError, Doubt: true},
}

// The answers that are on no script's list: calls which no good client makes,
// and ConfirmForgotPassword's own.
var (
	unknownOperation = Answer{Code: "UnknownOperationException"}
	codeMismatch     = Answer{Code: "CodeMismatchException", Text: "Invalid verification code provided, please try again."}
	expiredCode      = Answer{Code: "ExpiredCodeException", Text: "Invalid code provided, please request a code again."}
	weakPassword     = Answer{Code: "InvalidPasswordException", Text: "Password does not conform to policy: Password not long enough"}
)

// Answers lists every answer that a script may ask for, besides OK.
func Answers() []Answer {
	all := make([]Answer, len(answers))
	for i, a := range answers {
		all[i] = a.filled()
	}
	return all
}

// answerOf finds an answer by its word.
func answerOf(word string) (Answer, bool) {
	for _, a := range answers {
		if a.Word == word {
			return a.filled(), true
		}
	}
	return Answer{}, false
}

// word is answerOf for the words of this package's own code.
func word(w string) Answer {
	a, _ := answerOf(w)
	return a
}

func (a Answer) filled() Answer {
	if a.Status == 0 {
		a.Status = http.StatusBadRequest
	}
	return a
}
