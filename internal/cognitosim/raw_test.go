package cognitosim_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// rawClient speaks HTTP with as little work as can be.
type rawClient struct {
	net.Conn
	in *bufio.Reader
	n  int
}

// rawClients gives each client users of its own, so that no user is asked for
// twice in a row.
var rawClients atomic.Int64

func dialRaw(tb testing.TB, addr string) *rawClient {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return &rawClient{Conn: conn, in: bufio.NewReader(conn), n: int(rawClients.Add(1)) * 10007}
}

// forgot makes one call and reads its answer, which must be a 200.
func (c *rawClient) forgot(tb testing.TB) {
	c.n = (c.n + 1) % 1_000_000
	body := fmt.Sprintf(`{"ClientId":"rekeytwin","Username":"user%06d"}`, c.n)
	_, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: twin\r\nUser-Agent: bench\r\nContent-Type: application/x-amz-json-1.1\r\n"+
		"X-Amz-Target: AWSCognitoIdentityProviderService.ForgotPassword\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err != nil {
		tb.Error(err)
		return
	}
	status, length := c.head(tb)
	if _, err := c.in.Discard(length); err != nil || status != http.StatusOK {
		tb.Errorf("status %d, %v", status, err)
	}
}

// head reads up to the body and returns what it says about it.
func (c *rawClient) head(tb testing.TB) (status, length int) {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			tb.Error(err)
			return 0, 0
		}
		switch {
		case line == "\r\n":
			return status, length
		case strings.HasPrefix(line, "HTTP/1.1 "):
			fmt.Sscanf(line, "HTTP/1.1 %d", &status)
		case strings.HasPrefix(line, "Content-Length: "):
			fmt.Sscanf(line, "Content-Length: %d", &length)
		}
	}
}
