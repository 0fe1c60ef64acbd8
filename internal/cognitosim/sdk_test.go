package cognitosim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// sdkTypes says as what the Go SDK presents each answer. The SDK models no
// UserNotConfirmedException for this operation, nor what stands in no model.
var sdkTypes = map[string]string{
	"LimitExceeded.User":                "*types.LimitExceededException",
	"LimitExceeded.DailyEmail":          "*types.LimitExceededException",
	"LimitExceeded":                     "*types.LimitExceededException",
	"TooManyRequests":                   "*types.TooManyRequestsException",
	"Throttling":                        "*smithy.GenericAPIError",
	"InvalidParameter.NoVerifiedMedium": "*types.InvalidParameterException",
	"InvalidParameter.Username":         "*types.InvalidParameterException",
	"InvalidParameter.Template":         "*types.InvalidParameterException",
	"InvalidParameter.SES":              "*types.InvalidParameterException",
	"InvalidParameter":                  "*types.InvalidParameterException",
	"CodeDeliveryFailure.SESRate":       "*types.CodeDeliveryFailureException",
	"CodeDeliveryFailure.SESQuota":      "*types.CodeDeliveryFailureException",
	"CodeDeliveryFailure.SESIdentity":   "*types.CodeDeliveryFailureException",
	"CodeDeliveryFailure.Email":         "*types.CodeDeliveryFailureException",
	"CodeDeliveryFailure":               "*types.CodeDeliveryFailureException",
	"NotAuthorized.State":               "*types.NotAuthorizedException",
	"NotAuthorized.Disabled":            "*types.NotAuthorizedException",
	"NotAuthorized.SecretHash":          "*types.NotAuthorizedException",
	"NotAuthorized.SecretMissing":       "*types.NotAuthorizedException",
	"NotAuthorized.AdminOnly":           "*types.NotAuthorizedException",
	"NotAuthorized":                     "*types.NotAuthorizedException",
	"UserNotFound.Migration":            "*types.UserNotFoundException",
	"UserNotFound":                      "*types.UserNotFoundException",
	"UserNotConfirmed":                  "*smithy.GenericAPIError",
	"ResourceNotFound":                  "*types.ResourceNotFoundException",
	"UserLambdaValidation":              "*types.UserLambdaValidationException",
	"UserLambdaValidation.Refused":      "*types.UserLambdaValidationException",
	"UnexpectedLambda.Config":           "*types.UnexpectedLambdaException",
	"UnexpectedLambda.Timeout":          "*types.UnexpectedLambdaException",
	"UnexpectedLambda.Concurrency":      "*types.UnexpectedLambdaException",
	"UnexpectedLambda":                  "*types.UnexpectedLambdaException",
	"InvalidLambdaResponse":             "*types.InvalidLambdaResponseException",
	"InvalidSmsRoleAccessPolicy":        "*types.InvalidSmsRoleAccessPolicyException",
	"InvalidSmsRoleTrustRelationship":   "*types.InvalidSmsRoleTrustRelationshipException",
	"InvalidEmailRoleAccessPolicy":      "*types.InvalidEmailRoleAccessPolicyException",
	"Forbidden":                         "*types.ForbiddenException",
	"OperationNotEnabled":               "*types.OperationNotEnabledException",
	"InternalError":                     "*types.InternalErrorException",
	"ServiceUnavailable":                "*smithy.GenericAPIError",
	"Other":                             "*smithy.GenericAPIError",
}

func TestEveryAnswerArrivesAsItsTypedError(t *testing.T) {
	t.Parallel()
	for _, form := range []cognitosim.Form{cognitosim.Bare, cognitosim.Namespace, cognitosim.URL} {
		srv := simtest.Start(t, fast(cognitosim.Options{Form: form}))
		client := sdk(srv.URL(), &http.Client{})
		for _, want := range cognitosim.Answers() {
			if want.Code == "" {
				continue
			}
			srv.SetFaults(cognitosim.Fault{Answer: want.Word})
			_, err := client.ForgotPassword(t.Context(), input("user000001"))
			checkTyped(t, fmt.Sprintf("%s, %s", want.Word, form), want, err)
		}
	}
}

func checkTyped(t *testing.T, name string, want cognitosim.Answer, err error) {
	t.Helper()
	var api smithy.APIError
	var response *awshttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &response) {
		t.Fatalf("%s: no API error but %v", name, err)
	}
	if got := fmt.Sprintf("%T", api); got != sdkTypes[want.Word] {
		t.Errorf("%s: %s, want %q", name, got, sdkTypes[want.Word])
	}
	text := strings.NewReplacer("{username}", "user000001", "{client}", "rekeytwin").Replace(want.Text)
	if api.ErrorCode() != want.Code || api.ErrorMessage() != text {
		t.Errorf("%s: %s %q, want %s %q", name, api.ErrorCode(), api.ErrorMessage(), want.Code, text)
	}
	if response.HTTPStatusCode() != want.Status || response.RequestID == "" {
		t.Errorf("%s: status %d, request id %q; want %d and one", name, response.HTTPStatusCode(), response.RequestID, want.Status)
	}
}

func TestEveryCauseOfCognitosHasAnAnswer(t *testing.T) {
	t.Parallel()
	byWord := map[string]bool{}
	for _, a := range cognitosim.Answers() {
		byWord[a.Word] = true
	}
	for _, cause := range reset.Causes() {
		if cause <= reset.ServiceUnavailable && !byWord[cause.String()] {
			t.Errorf("no answer for %s", cause)
		}
		delete(byWord, cause.String())
	}
	for _, w := range []string{"HangUp.Before", "HangUp.After", "HTML500", "HTML503", "Empty500"} {
		delete(byWord, w)
	}
	if len(byWord) != 0 {
		t.Errorf("these words are nobody's cause: %v", byWord)
	}
}

func TestStatusIs400ButForWAFAndFailures(t *testing.T) {
	t.Parallel()
	odd := map[string]int{"Forbidden": 403, "InternalError": 500, "ServiceUnavailable": 503}
	for _, a := range cognitosim.Answers() {
		want := 400
		if n, ok := odd[a.Word]; ok {
			want = n
		}
		if a.Code != "" && a.Status != want {
			t.Errorf("%s: %d, want %d", a.Word, a.Status, want)
		}
	}
}

func TestAnAcceptedCallReachesTheSDKWhole(t *testing.T) {
	t.Parallel()
	srv := simtest.Start(t, fast(cognitosim.Options{Users: cognitosim.Users{List: []cognitosim.User{
		{Username: "ann", Email: "ann@example.com"}, {Username: "bob", Medium: cognitosim.SMS}}}}))
	client := sdk(srv.URL(), &http.Client{})
	out, err := client.ForgotPassword(t.Context(), input("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if d := out.CodeDeliveryDetails; *d.AttributeName != "email" || d.DeliveryMedium != "EMAIL" || *d.Destination != "a***@e***" {
		t.Errorf("details are %s %s %s", *d.AttributeName, d.DeliveryMedium, *d.Destination)
	}
	out, err = client.ForgotPassword(t.Context(), input("bob"))
	if err != nil {
		t.Fatal(err)
	}
	if d := out.CodeDeliveryDetails; *d.AttributeName != "phone_number" || d.DeliveryMedium != "SMS" || !strings.HasPrefix(*d.Destination, "+*******") {
		t.Errorf("details are %s %s %s", *d.AttributeName, d.DeliveryMedium, *d.Destination)
	}
}

func TestUnansweredCallsAreNotAnsweredAndNotRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word  string
		sent  bool
		limit time.Duration
		want  error
	}{
		{cognitosim.HangUpBefore, false, time.Minute, syscall.ECONNRESET},
		{cognitosim.HangUpAfter, true, time.Minute, syscall.ECONNRESET},
		{cognitosim.Timeout, true, 300 * time.Millisecond, context.DeadlineExceeded},
	} {
		for _, tls := range []bool{false, true} {
			start := simtest.Start
			if tls {
				start = simtest.StartTLS
			}
			srv := start(t, fast(cognitosim.Options{}))
			client := sdk(srv.URL(), httpClient(srv))
			if _, err := client.ForgotPassword(t.Context(), input("user000001")); err != nil {
				t.Fatal(err) // it also leaves a connection for the next call to use again
			}
			srv.SetFaults(cognitosim.Fault{Answer: c.word})
			ctx, cancel := context.WithTimeout(t.Context(), c.limit)
			_, err := client.ForgotPassword(ctx, input("user000002"))
			cancel()
			var api smithy.APIError
			if err == nil || errors.As(err, &api) {
				t.Errorf("%s: answered with %v", c.word, err)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s, TLS %v: %v, want %v", c.word, tls, err, c.want)
			}
			checkLost(t, srv.Sim, c.word, c.sent)
		}
	}
}

// checkLost looks at the second call, whose answer was lost.
func checkLost(t *testing.T, s *cognitosim.Sim, word string, sent bool) {
	t.Helper()
	entries := s.Journal()
	if len(entries) != 2 {
		t.Fatalf("%s: %d calls, want 2", word, len(entries))
	}
	if e := entries[1]; e.Answer != "" || e.Sent != sent || (len(s.Codes("user000002")) == 1) != sent {
		t.Errorf("%s: journal %+v with %d codes, want sent %v", word, e, len(s.Codes("user000002")), sent)
	}
}

func httpClient(srv *simtest.Server) *http.Client {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.TLSClientConfig.RootCAs = srv.Roots()
	return &http.Client{Transport: tr}
}

func TestPagesAreNoAPIErrorsOfCognitos(t *testing.T) {
	t.Parallel()
	srv := simtest.Start(t, fast(cognitosim.Options{}))
	client := sdk(srv.URL(), &http.Client{})
	for word, status := range map[string]int{cognitosim.HTML500: 500, cognitosim.HTML503: 503, cognitosim.Empty500: 500} {
		srv.SetFaults(cognitosim.Fault{Answer: word})
		_, err := client.ForgotPassword(t.Context(), input("user000001"))
		var response *awshttp.ResponseError
		if !errors.As(err, &response) || response.HTTPStatusCode() != status {
			t.Errorf("%s: %v, want status %d", word, err, status)
		}
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() != "UnknownError" {
			t.Errorf("%s: has the code %s", word, api.ErrorCode())
		}
	}
}

func TestTheSDKsOwnRetriesShowAsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, dial := simtest.Pipe(t, fast(cognitosim.Options{Faults: []cognitosim.Fault{{Answer: "LimitExceeded.User"}}}))
		tr := &http.Transport{DialContext: dial}
		t.Cleanup(tr.CloseIdleConnections)
		client := cip.New(cip.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://twin"), HTTPClient: &http.Client{Transport: tr}})
		if _, err := client.ForgotPassword(t.Context(), input("user000001")); err == nil {
			t.Error("a refused call was accepted")
		}
		if n := sim.Calls(); n != 3 {
			t.Errorf("%d calls reached the twin, want the SDK's 3", n)
		}
	})
}

func TestAPipedTwinLivesInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, dial := simtest.Pipe(t, cognitosim.Options{Latency: 20 * time.Minute, PerUserHour: 1, Users: cognitosim.Users{N: 10}})
		tr := &http.Transport{DialContext: dial}
		t.Cleanup(tr.CloseIdleConnections)
		client := sdk("http://twin", &http.Client{Transport: tr})
		for i := range 3 {
			begun := time.Now()
			if _, err := client.ForgotPassword(t.Context(), input("user000001")); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took < 10*time.Minute || took > 30*time.Minute {
				t.Errorf("call %d took %v", i, took)
			}
			time.Sleep(time.Hour)
		}
		if d := sim.Doubles(); len(d) != 0 {
			t.Errorf("%d codes overlapped", len(d))
		}
		sim.SetFaults(cognitosim.Fault{Answer: cognitosim.HangUpAfter})
		if _, err := client.ForgotPassword(t.Context(), input("user000001")); err == nil {
			t.Error("a hang-up was answered")
		}
	})
}
