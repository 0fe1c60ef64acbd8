// Package cognito makes one call: Amazon Cognito's ForgotPassword.
//
// It promises to say what became of each request, in the words of package
// reset, and never to make it twice by itself: the SDK's retries are off. A
// request is taken for not sent only where that is proved on the connection:
// every connection refuses to write for a call whose time is over, and knows
// whether a byte of the request went out. Everything else is "perhaps sent".
//
// Its weak spot: what an answer means stands in AWS's prose and in public
// reports, not in a specification. The table in table.go is the best reading
// of them; a text that AWS rewords falls to the last row of its exception. And
// a process that is stopped exactly between the check of the time and the
// write sends late, and so does a machine that was suspended and whose wall
// clock has not been set right since. Proxies (HTTPS_PROXY) are not used.
package cognito

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Client calls ForgotPassword for one app client of one user pool. It is safe
// for concurrent use.
type Client struct {
	sdk       *cip.Client
	clientID  string
	userAgent string
	hour      reset.Hour
	secrets   *secrets
	conns     *conns
	rows      []Row
}

// New makes a client. It contacts nobody.
func New(c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	target, err := c.target()
	if err != nil {
		return nil, err
	}
	return &Client{
		sdk:       newSDK(c),
		clientID:  c.ClientID,
		userAgent: c.UserAgent,
		hour:      c.Hour,
		secrets:   newSecrets(c.ClientSecrets),
		conns:     newConns(newDialler(target, c), c.MaxConns),
		rows:      Rows(c.LambdaRefusals...),
	}, nil
}

// newSDK needs no credentials, since ForgotPassword is not signed, and reads
// neither the environment nor AWS's shared files, so that a worker sends what
// its own file says and nothing else.
func newSDK(c Config) *cip.Client {
	o := cip.Options{
		Region: c.Region,
		// The default retryer repeats timeouts, 5xx and LimitExceeded: up to
		// three messages for one user.
		Retryer: aws.NopRetryer{},
	}
	if c.Endpoint != "" {
		o.BaseEndpoint = aws.String(c.Endpoint)
	}
	return cip.New(o)
}

// Dial makes sure that a connection stands ready, so that a caller with a
// token in hand need not wait for handshakes. Callers that come together share
// what is being dialled. The error is a *reset.Error: Unavailable when nobody
// can be reached, NotSent when ctx was cancelled.
func (c *Client) Dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.hour.Deadline())
	defer cancel()
	if err := c.conns.warm(ctx); err != nil {
		return notDialled(err)
	}
	return nil
}

// Close closes the idle connections. Calls under way end by themselves; later
// ones are not sent.
func (c *Client) Close() { c.conns.close() }

// ForgotPassword makes one request. The call's deadline is ctx's, at most the
// pool's own. If the first byte would be written after that or after notAfter
// (compared on the monotonic clock), nothing is written and the outcome is
// NotSent. A nil error means Accepted; every other is a *reset.Error.
func (c *Client) ForgotPassword(ctx context.Context, req reset.Request, notAfter time.Time) (reset.Medium, error) {
	ctx, cancel := context.WithTimeout(ctx, c.hour.Deadline())
	defer cancel()
	call := c.newCall(ctx, req, notAfter)
	defer call.gate.end()
	m, failure := c.make(call)
	if failure != nil { // a nil *reset.Error is no nil error
		return m, failure
	}
	return m, nil
}

// make hands a call to the SDK, and reads what became of it.
func (c *Client) make(l *call) (reset.Medium, *reset.Error) {
	secret := c.secrets.preferred()
	out, err := c.sdk.ForgotPassword(l.gate.ctx, c.input(l.req, secret), func(o *cip.Options) { o.HTTPClient = l })
	failure := l.failure(err)
	switch {
	case failure == nil:
		c.secrets.worked()
		return medium(out), nil
	case failure.Cause == reset.NotAuthorizedSecretHash && c.secrets.failed(secret):
		// The other secret of a rotation is tried next, with a token of its
		// own; this request had no effect.
		failure.Outcome = reset.NotSent
	}
	return reset.NoMedium, failure
}

func (c *Client) input(req reset.Request, secret secret) *cip.ForgotPasswordInput {
	username := req.Username.Reveal()
	in := &cip.ForgotPasswordInput{
		ClientId:   aws.String(c.clientID),
		Username:   aws.String(username),
		SecretHash: secret.hash(username, c.clientID),
	}
	if len(req.ClientMetadata) > 0 {
		in.ClientMetadata = make(map[string]string, len(req.ClientMetadata))
		for k, v := range req.ClientMetadata {
			in.ClientMetadata[k] = v.Reveal()
		}
	}
	if id := optional(req.AnalyticsEndpointID); id != nil {
		in.AnalyticsMetadata = &types.AnalyticsMetadataType{AnalyticsEndpointId: id}
	}
	ip, data := optional(req.UserContext.IPAddress), optional(req.UserContext.EncodedData)
	if ip != nil || data != nil {
		in.UserContextData = &types.UserContextDataType{IpAddress: ip, EncodedData: data}
	}
	return in
}

// optional leaves an empty field out: the SDK would send "", which Cognito
// refuses.
func optional(p reset.Personal) *string {
	if p.IsZero() {
		return nil
	}
	return aws.String(p.Reveal())
}

// medium is NoMedium where Cognito does not say, as for users it hides.
func medium(out *cip.ForgotPasswordOutput) reset.Medium {
	if out == nil || out.CodeDeliveryDetails == nil {
		return reset.NoMedium
	}
	return reset.ParseMedium(string(out.CodeDeliveryDetails.DeliveryMedium))
}

// notDialled is the failure of a call, or of Dial, that found no connection.
func notDialled(err error) *reset.Error {
	var d *dialError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errClosed):
		return &reset.Error{Outcome: reset.NotSent, Cause: reset.NotSentCause, Text: "stopped", Err: err}
	case errors.As(err, &d):
		return &reset.Error{Outcome: reset.Unavailable, Cause: d.cause, Text: d.Error(), Err: d}
	}
	return &reset.Error{Outcome: reset.Unavailable, Cause: reset.Dial, Text: err.Error(), Err: err}
}
