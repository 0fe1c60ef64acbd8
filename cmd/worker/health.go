package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/cli"
)

// healthTimeout is longer than the worker takes to find out.
const healthTimeout = probeTimeout + time.Second

func healthCommand(p *cli.Program) *cobra.Command {
	var live bool
	c := &cobra.Command{
		Use:   "health",
		Short: "Is the worker of this configuration at work? For a container's health check",
		Long: `Ask the worker that runs on this machine with this configuration whether it
serves its pools (/readyz), and end with 0 if it does. It is for images that have
no curl. With --live ask only whether it answers at all (/livez), which is what
may decide on a restart: a worker whose Redis is away is not ready, and to
restart it brings no Redis back.`,
		Example: "  " + p.Name + " health --live",
		Args:    cli.Args(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.Config()
			if err != nil {
				return err
			}
			path := "/readyz"
			if live {
				path = "/livez"
			}
			return askHealth(c.Context(), p.Stdout, cfg.Listen, path)
		},
	}
	c.Flags().BoolVar(&live, "live", false, "ask only whether it answers")
	return c
}

func askHealth(ctx context.Context, stdout io.Writer, listen, path string) error {
	if listen == "" {
		return cli.Usage(`the worker does not say: listen is "" in the configuration; give it an address, such as :9464`)
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+here(listen)+path, nil)
	if err != nil {
		return cli.WithCode(cli.CodeUsage, fmt.Errorf("listen: %w", err))
	}
	// A proxy of the environment has nothing to do with this machine.
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return fmt.Errorf("no worker answers: is one running, and with this listen: %s? Its log says why it ended (%w)", listen, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("the worker's answer: %w", err)
	}
	if said := strings.TrimSpace(string(body)); resp.StatusCode != http.StatusOK {
		return errors.New(said)
	}
	_, err = stdout.Write(body)
	return err
}

// here returns where a worker that listens on addr is reached from its own
// machine: one that listens everywhere, on loopback.
func here(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "":
		host = "localhost"
	case err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
