package cognito

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/smithy-go"

	"github.com/rekeyhq/rekey/internal/reset"
)

// maxBody bounds what is read of an answer. Most have a hundred bytes; one that
// quotes the template of a message has up to 20,000 characters more. Whatever
// is larger comes from something else.
const maxBody = 256 << 10

var errTooLarge = errors.New("the answer is too large")

// call is one ForgotPassword: the SDK's HTTP client for it, and the record of
// what happened on the wire.
type call struct {
	client *Client
	req    reset.Request
	gate   *gate

	asked  bool  // the SDK came as far as a request
	err    error // why there is no answer
	status int   // of the answer
	body   []byte
}

func (c *Client) newCall(ctx context.Context, req reset.Request, notAfter time.Time) *call {
	return &call{client: c, req: req, gate: newGate(ctx, notAfter)}
}

// Do implements the SDK's HTTPClient. It returns an answer that was read whole,
// or an error.
func (l *call) Do(req *http.Request) (*http.Response, error) {
	l.asked = true
	req.Header.Set("User-Agent", l.client.userAgent+" "+req.Header.Get("User-Agent"))
	resp, err := l.send(req)
	if err != nil {
		l.err = err
		return nil, err
	}
	l.status = resp.StatusCode
	return resp, nil
}

// send tries idle connections until one takes a byte, then a new one. A peer
// may have closed an idle connection unseen; as long as the gate proves that
// nothing left, the next is as good.
func (l *call) send(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	for {
		c, err := l.client.conns.take(req.Context())
		if err != nil {
			return nil, err
		}
		fresh := c.fresh
		req.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := l.try(c, req)
		if err == nil || fresh || !l.gate.untouched() {
			return resp, err
		}
	}
}

// try makes the request on one connection, and keeps the connection if the
// answer was read to its end.
func (l *call) try(c *conn, req *http.Request) (*http.Response, error) {
	c.wire.gate.Store(l.gate)
	resp, err := c.http.RoundTrip(req)
	if err == nil {
		err = l.read(resp)
	}
	c.wire.gate.Store(nil)
	if err != nil {
		c.close()
		return nil, err
	}
	l.client.conns.put(c)
	return resp, nil
}

func (l *call) read(resp *http.Response) error {
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return errNoAnswer // its body is the connection, and has no end
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxBody:
		return errTooLarge
	}
	l.body = body
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// failure says what became of the request; nil is Accepted. sdk is the SDK's
// own error, which alone cannot tell.
func (l *call) failure(sdk error) *reset.Error {
	if l.err == nil && l.status != 0 {
		return l.answer(sdk)
	}
	if unsent, why := l.gate.close(); unsent {
		return l.unsent(why, sdk)
	}
	return l.unanswered()
}

// unsent is a request of which no byte left.
func (l *call) unsent(why, sdk error) *reset.Error {
	var d *dialError
	switch {
	case why != nil:
		return &reset.Error{Outcome: reset.NotSent, Cause: reset.NotSentCause, Text: why.Error(), Err: why}
	case errors.As(l.err, &d), errors.Is(l.err, errClosed):
		return notDialled(l.err)
	case !l.asked:
		// The SDK refuses to make a request: so it will for every row.
		return l.clean(&reset.Error{Outcome: reset.Misconfigured, Cause: reset.Other, Code: "SDK", Text: text(sdk)})
	}
	err := nameless(l.err)
	return &reset.Error{Outcome: reset.Unavailable, Cause: reset.Reset, Text: text(err), Err: err}
}

func (l *call) unanswered() *reset.Error {
	e := &reset.Error{Outcome: reset.Unanswered, Cause: reset.Reset, Err: nameless(l.err)}
	switch {
	case errors.Is(l.err, errTooLarge):
		e.Cause, e.Code = reset.Other, "TooLarge"
	case l.gate.ctx.Err() != nil:
		e.Cause, e.Err = reset.Timeout, l.gate.ctx.Err()
	}
	e.Text = text(e.Err)
	return e
}

// answer classifies what the server said.
func (l *call) answer(sdk error) *reset.Error {
	var api smithy.APIError
	switch {
	case sdk == nil && bytes.HasPrefix(bytes.TrimSpace(l.body), []byte("{")):
		return nil
	case errors.As(sdk, &api) && !unknown(api):
		return l.clean(classify(l.client.rows, api.ErrorCode(), api.ErrorMessage(), l.status))
	}
	// A page of something between here and Cognito, a torn answer, or nothing.
	return classify(l.client.rows, "", "", l.status)
}

// clean takes out of an answer what it may repeat of the request.
func (l *call) clean(e *reset.Error) *reset.Error {
	names := personal(l.req)
	e.Text, e.Code = scrub(e.Text, names...), scrubCode(e.Code, names...)
	return e
}

// unknown reports whether the SDK found no code in the answer.
func unknown(api smithy.APIError) bool { return api.ErrorCode() == "UnknownError" }

// nameless passes on errors that cannot quote an answer, and so name nobody.
func nameless(err error) error {
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, errTooLarge):
		return errTooLarge
	}
	return errNoAnswer
}

var errNoAnswer = errors.New("the connection ended without an answer")

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
