package cognito

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Config says which app client is called, and how.
type Config struct {
	// Region is the user pool's AWS Region.
	Region string
	// ClientID is the app client of the page where users enter the code.
	ClientID string
	// ClientSecrets are none, one, or two during a rotation; the first is
	// tried first.
	ClientSecrets []string
	// Endpoint is used instead of AWS's own: the twin, an emulator.
	Endpoint string
	// Hour is how long Cognito's hour lasts; zero is an hour. Less only
	// together with Endpoint.
	Hour reset.Hour
	// LambdaRefusals are texts by which the pool's own Lambdas refuse one user.
	LambdaRefusals []string
	// UserAgent opens the User-Agent header; zero is "rekey". A web ACL refuses
	// requests without one.
	UserAgent string
	// MaxConns is how many idle connections are kept; zero is 64. How many are
	// in use at once is the callers' number.
	MaxConns int
	// Dial opens connections to the host itself, below TLS; nil is the
	// network's own. A rehearsal on fake time has its twin in memory.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultMaxConns  = 64
	defaultUserAgent = "rekey"
	maxSecrets       = 2
)

var (
	// clientIDs and clientSecrets are the patterns of AWS's API model.
	clientIDs     = regexp.MustCompile(`^[\w+]{1,128}$`)
	clientSecrets = regexp.MustCompile(`^[\w+]{1,64}$`)
	// regions is only the shape of a Region's name. Which ones exist, and what
	// their endpoints are called, the SDK's own resolver knows.
	regions    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	userAgents = regexp.MustCompile(`^[\x20-\x7e]*$`)
)

// Validate checks everything that can be checked without a call. The errors
// name the key and say what to do; they never show a secret.
func (c Config) Validate() error {
	return errors.Join(c.validateRegion(), c.validateClient(), c.validateEndpoint(),
		c.validateHour(), c.validateRefusals(), c.validateConnection())
}

func (c Config) validateRegion() error {
	if !regions.MatchString(c.Region) {
		return fmt.Errorf("region: %q is not the name of an AWS Region; write one such as eu-west-1", c.Region)
	}
	return nil
}

func (c Config) validateClient() error {
	var errs []error
	if !clientIDs.MatchString(c.ClientID) {
		errs = append(errs, fmt.Errorf("client_id: %q is not an app client's id (1 to 128 letters, digits, _ and +); "+
			"copy it from the user pool's list of app clients", c.ClientID))
	}
	if n := len(c.ClientSecrets); n > maxSecrets {
		errs = append(errs, fmt.Errorf("client_secrets: %d are given; an app client has none, one, or two during a rotation", n))
	}
	for i, s := range c.ClientSecrets {
		if !clientSecrets.MatchString(s) {
			errs = append(errs, fmt.Errorf("client_secrets[%d]: %s; copy it again from the app client", i, secretFault(s)))
		}
	}
	if n := len(c.ClientSecrets); n == maxSecrets && c.ClientSecrets[0] == c.ClientSecrets[1] {
		errs = append(errs, errors.New("client_secrets: both are the same; leave one out"))
	}
	return errors.Join(errs...)
}

// secretFault says what is wrong without showing the secret.
func secretFault(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case strings.TrimSpace(s) != s:
		return "there is white space around it"
	case len(s) > 64:
		return fmt.Sprintf("it has %d characters, a client secret has at most 64", len(s))
	}
	return "it has characters that no client secret has (only letters, digits, _ and + occur)"
}

func (c Config) validateEndpoint() error {
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil:
		return errors.New("endpoint: it is not a URL; write one such as http://127.0.0.1:9229")
	case u.User != nil:
		// Not shown: what stands before the @ may be a password.
		return errors.New("endpoint: it holds a user name or a password; leave them out")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("endpoint: %q is not http://HOST[:PORT] or https://HOST[:PORT]", c.Endpoint)
	}
	return nil
}

func (c Config) validateHour() error {
	switch {
	case c.Hour == 0:
		return nil
	case c.Hour < reset.MinHour:
		return fmt.Errorf("hour: %v is too short; the least is %v", time.Duration(c.Hour), time.Duration(reset.MinHour))
	case c.Hour < reset.Hour(time.Hour) && c.Endpoint == "":
		return errors.New("hour: less than 1h is for rehearsals; leave it out, or set endpoint too")
	}
	return nil
}

func (c Config) validateRefusals() error {
	for i, r := range c.LambdaRefusals {
		if strings.TrimSpace(r) == "" {
			return fmt.Errorf("lambda_refusals[%d]: an empty text would match every answer; leave it out", i)
		}
	}
	return nil
}

func (c Config) validateConnection() error {
	switch {
	case c.MaxConns < 0:
		return fmt.Errorf("concurrency: %d is less than nothing", c.MaxConns)
	case !userAgents.MatchString(c.UserAgent):
		return errors.New("user agent: it has characters that a header cannot carry")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Hour == 0 {
		c.Hour = reset.Hour(time.Hour)
	}
	if c.UserAgent == "" {
		c.UserAgent = defaultUserAgent
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	return c
}

// target is where connections go.
type target struct {
	scheme, host, port string
}

func (t target) address() string { return net.JoinHostPort(t.host, t.port) }

// target asks the SDK's resolver, so that connections are dialled to the host
// the SDK will name in its requests: China and GovCloud have their own.
func (c Config) target() (target, error) {
	p := cip.EndpointParameters{Region: &c.Region}.WithDefaults()
	if c.Endpoint != "" {
		p.Endpoint = &c.Endpoint
	}
	e, err := cip.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), p)
	if err != nil {
		return target{}, fmt.Errorf("region: the AWS SDK knows no endpoint for %s: %w", c.Region, err)
	}
	t := target{scheme: e.URI.Scheme, host: e.URI.Hostname(), port: e.URI.Port()}
	if t.port == "" {
		t.port = map[string]string{"http": "80", "https": "443"}[t.scheme]
	}
	return t, nil
}
