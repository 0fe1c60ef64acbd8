package reset

import (
	"fmt"
	"slices"
	"strings"
)

// Cause is why a row is where it is: Cognito's exception without "Exception",
// with a dot and a word where the text decides, or a word of rekey's own. The
// numbers stand in ledgers, so they are only ever appended.
type Cause uint8

// The causes.
const (
	NoCause Cause = 0

	LimitExceeded           Cause = 1
	LimitExceededUser       Cause = 2
	LimitExceededDailyEmail Cause = 3
	TooManyRequests         Cause = 4
	Throttling              Cause = 5

	InvalidParameter                 Cause = 6
	InvalidParameterNoVerifiedMedium Cause = 7
	InvalidParameterUsername         Cause = 8
	InvalidParameterTemplate         Cause = 9
	InvalidParameterSES              Cause = 10

	CodeDeliveryFailure            Cause = 11
	CodeDeliveryFailureSESRate     Cause = 12
	CodeDeliveryFailureSESQuota    Cause = 13
	CodeDeliveryFailureSESIdentity Cause = 14
	CodeDeliveryFailureEmail       Cause = 15

	NotAuthorized              Cause = 16
	NotAuthorizedState         Cause = 17
	NotAuthorizedDisabled      Cause = 18
	NotAuthorizedSecretHash    Cause = 19
	NotAuthorizedSecretMissing Cause = 20
	NotAuthorizedAdminOnly     Cause = 21

	UserNotFound          Cause = 22
	UserNotFoundMigration Cause = 23
	UserNotConfirmed      Cause = 24
	ResourceNotFound      Cause = 25

	UserLambdaValidation        Cause = 26
	UserLambdaValidationRefused Cause = 27
	UnexpectedLambda            Cause = 28
	UnexpectedLambdaConfig      Cause = 29
	UnexpectedLambdaTimeout     Cause = 30
	UnexpectedLambdaConcurrency Cause = 31
	InvalidLambdaResponse       Cause = 32

	InvalidSmsRoleAccessPolicy      Cause = 33
	InvalidSmsRoleTrustRelationship Cause = 34
	InvalidEmailRoleAccessPolicy    Cause = 35

	Forbidden           Cause = 36
	OperationNotEnabled Cause = 37
	InternalError       Cause = 38
	ServiceUnavailable  Cause = 39
	Dial                Cause = 40
	DNS                 Cause = 41
	TLS                 Cause = 42
	Timeout             Cause = 43
	Reset               Cause = 44
	NotSentCause        Cause = 45 // rekey held the request back; written "NotSent"
	Live                Cause = 46 // another row's code is alive
	Lost                Cause = 47 // a doubt found by its age
	RosterDamaged       Cause = 48 // who the row is cannot be read
	LedgerDamaged       Cause = 49 // what became of the row cannot be read
	Other               Cause = 127
)

var causeNames = map[Cause]string{
	NoCause:       "",
	LimitExceeded: "LimitExceeded", LimitExceededUser: "LimitExceeded.User",
	LimitExceededDailyEmail: "LimitExceeded.DailyEmail",
	TooManyRequests:         "TooManyRequests", Throttling: "Throttling",
	InvalidParameter:                 "InvalidParameter",
	InvalidParameterNoVerifiedMedium: "InvalidParameter.NoVerifiedMedium",
	InvalidParameterUsername:         "InvalidParameter.Username",
	InvalidParameterTemplate:         "InvalidParameter.Template",
	InvalidParameterSES:              "InvalidParameter.SES",
	CodeDeliveryFailure:              "CodeDeliveryFailure",
	CodeDeliveryFailureSESRate:       "CodeDeliveryFailure.SESRate",
	CodeDeliveryFailureSESQuota:      "CodeDeliveryFailure.SESQuota",
	CodeDeliveryFailureSESIdentity:   "CodeDeliveryFailure.SESIdentity",
	CodeDeliveryFailureEmail:         "CodeDeliveryFailure.Email",
	NotAuthorized:                    "NotAuthorized",
	NotAuthorizedState:               "NotAuthorized.State",
	NotAuthorizedDisabled:            "NotAuthorized.Disabled",
	NotAuthorizedSecretHash:          "NotAuthorized.SecretHash",
	NotAuthorizedSecretMissing:       "NotAuthorized.SecretMissing",
	NotAuthorizedAdminOnly:           "NotAuthorized.AdminOnly",
	UserNotFound:                     "UserNotFound",
	UserNotFoundMigration:            "UserNotFound.Migration",
	UserNotConfirmed:                 "UserNotConfirmed",
	ResourceNotFound:                 "ResourceNotFound",
	UserLambdaValidation:             "UserLambdaValidation",
	UserLambdaValidationRefused:      "UserLambdaValidation.Refused",
	UnexpectedLambda:                 "UnexpectedLambda",
	UnexpectedLambdaConfig:           "UnexpectedLambda.Config",
	UnexpectedLambdaTimeout:          "UnexpectedLambda.Timeout",
	UnexpectedLambdaConcurrency:      "UnexpectedLambda.Concurrency",
	InvalidLambdaResponse:            "InvalidLambdaResponse",
	InvalidSmsRoleAccessPolicy:       "InvalidSmsRoleAccessPolicy",
	InvalidSmsRoleTrustRelationship:  "InvalidSmsRoleTrustRelationship",
	InvalidEmailRoleAccessPolicy:     "InvalidEmailRoleAccessPolicy",
	Forbidden:                        "Forbidden",
	OperationNotEnabled:              "OperationNotEnabled",
	InternalError:                    "InternalError",
	ServiceUnavailable:               "ServiceUnavailable",
	Dial:                             "Dial", DNS: "DNS", TLS: "TLS", Timeout: "Timeout", Reset: "Reset",
	NotSentCause: "NotSent", Live: "Live", Lost: "Lost", RosterDamaged: "RosterDamaged",
	LedgerDamaged: "LedgerDamaged",
	Other:         "Other",
}

var causesByName = func() map[string]Cause {
	m := make(map[string]Cause, len(causeNames))
	for c, name := range causeNames {
		m[name] = c
	}
	return m
}()

// Causes lists every cause but NoCause, by number.
func Causes() []Cause {
	all := make([]Cause, 0, len(causeNames))
	for c := range causeNames {
		if c != NoCause {
			all = append(all, c)
		}
	}
	slices.Sort(all)
	return all
}

// String returns the word that stands in JSON, reports, metrics and consoles.
// A number written by a newer version reads as Cause(N).
func (c Cause) String() string {
	if name, ok := causeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// ParseCause reads a cause's word.
func ParseCause(s string) (Cause, error) {
	if c, ok := causesByName[s]; ok && c != NoCause {
		return c, nil
	}
	names := make([]string, 0, len(causesByName))
	for _, c := range Causes() {
		names = append(names, c.String())
	}
	return NoCause, fmt.Errorf("%q is not a cause; the causes are %s", s, strings.Join(names, ", "))
}

// In reports whether c is family or one of its kinds: CodeDeliveryFailure
// holds CodeDeliveryFailure.SESQuota.
func (c Cause) In(family Cause) bool {
	return c == family || strings.HasPrefix(c.String(), family.String()+".")
}
