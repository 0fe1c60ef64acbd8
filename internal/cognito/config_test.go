package cognito

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func good() Config { return Config{Region: "eu-west-1", ClientID: "1h57kf5cpq17m0eml12example"} }

func TestConfigurationFaultsNameTheirKey(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"":                  func(*Config) {},
		"region: \"\"":      func(c *Config) { c.Region = "" },
		"region: \"Europe":  func(c *Config) { c.Region = "Europe (Ireland)" },
		"region: \"eu-west": func(c *Config) { c.Region = "eu-west-1.evil.example/" },
		"client_id: \"\"":   func(c *Config) { c.ClientID = "" },
		"client_id: \"a b":  func(c *Config) { c.ClientID = "a b" },
		"client_id: \"xxx":  func(c *Config) { c.ClientID = strings.Repeat("x", 129) },
		"client_id: \"x\\n": func(c *Config) { c.ClientID = "x\n" },

		"client_secrets[0]: it is empty":       func(c *Config) { c.ClientSecrets = []string{""} },
		"client_secrets[1]: there is white":    func(c *Config) { c.ClientSecrets = []string{"a", "hush\n"} },
		"client_secrets[0]: it has 65":         func(c *Config) { c.ClientSecrets = []string{strings.Repeat("x", 65)} },
		"client_secrets[0]: it has characters": func(c *Config) { c.ClientSecrets = []string{"hush-hush"} },
		"client_secrets: 3 are given":          func(c *Config) { c.ClientSecrets = []string{"a", "b", "c"} },
		"client_secrets: both":                 func(c *Config) { c.ClientSecrets = []string{"hush", "hush"} },

		"endpoint: \"//127.0.0.1:9229\"": func(c *Config) { c.Endpoint = "//127.0.0.1:9229" },
		"endpoint: it is not a URL":      func(c *Config) { c.Endpoint = "127.0.0.1:9229" },
		"endpoint: \"ftp://x\"":          func(c *Config) { c.Endpoint = "ftp://x" },
		"endpoint: \"http://\"":          func(c *Config) { c.Endpoint = "http://" },
		"endpoint: \"http://x?y\"":       func(c *Config) { c.Endpoint = "http://x?y" },
		"endpoint: it holds":             func(c *Config) { c.Endpoint = "http://me:hush@x" },

		"hour: 9s is too short": func(c *Config) { c.Hour, c.Endpoint = reset.Hour(9*time.Second), "http://x" },
		"hour: less than 1h":    func(c *Config) { c.Hour = reset.MinHour },
		"lambda_refusals[1]":    func(c *Config) { c.LambdaRefusals = []string{"a", " "} },
		"concurrency: -1":       func(c *Config) { c.MaxConns = -1 },
		"user agent":            func(c *Config) { c.UserAgent = "a\r\nX: y" },
	} {
		c := good()
		change(&c)
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("a secret in %q", err)
		}
		if _, newErr := New(c); (newErr == nil) != (err == nil) {
			t.Errorf("New: %v, Validate: %v", newErr, err)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	err := Config{}.Validate()
	if err == nil || !strings.Contains(err.Error(), "region") || !strings.Contains(err.Error(), "client_id") {
		t.Error(err)
	}
}

func TestGoodConfigurations(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{
		{Region: "us-gov-west-1", ClientID: "a"},
		{Region: "eusc-de-east-1", ClientID: strings.Repeat("x", 128)},
		{Region: "eu-west-1", ClientID: "a+b_c", ClientSecrets: []string{strings.Repeat("x", 64), "y"}},
		{Region: "eu-west-1", ClientID: "a", Endpoint: "http://[::1]:9229/", Hour: reset.MinHour},
		{Region: "eu-west-1", ClientID: "a", Hour: reset.Hour(2 * time.Hour)},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestEndpointsArePartitionsOwn: the SDK's resolver decides, not a template.
func TestEndpointsArePartitionsOwn(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-west-1":     "cognito-idp.eu-west-1.amazonaws.com:443",
		"us-gov-west-1": "cognito-idp.us-gov-west-1.amazonaws.com:443",
		"cn-north-1":    "cognito-idp.cn-north-1.amazonaws.com.cn:443",
	} {
		c := good()
		c.Region = region
		to, err := c.target()
		if err != nil || to.scheme != "https" || to.address() != want {
			t.Errorf("%s: %+v %v, want %s", region, to, err, want)
		}
	}
	for endpoint, want := range map[string]string{
		"http://localhost": "localhost:80", "https://x.example": "x.example:443", "http://[::1]:9229": "[::1]:9229",
	} {
		c := good()
		c.Endpoint = endpoint
		if to, err := c.target(); err != nil || to.address() != want {
			t.Errorf("%s: %+v %v, want %s", endpoint, to, err, want)
		}
	}
}
