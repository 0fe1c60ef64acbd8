package cli

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Confirmation is the number at --confirm. Plans print it with separators, so
// it may be given with them. It implements pflag's Value.
type Confirmation struct {
	N     int64
	Given bool
}

// Set reads the number.
func (c *Confirmation) Set(s string) error {
	n, err := strconv.ParseUint(strings.NewReplacer(",", "", "_", "").Replace(s), 10, 63)
	if err != nil {
		return errors.New("must be the number that the plan shows")
	}
	c.N, c.Given = int64(n), true
	return nil
}

// String returns the number, or "" where none was given.
func (c *Confirmation) String() string {
	if !c.Given {
		return ""
	}
	return strconv.FormatInt(c.N, 10)
}

// Type is what help shows behind the flag's name.
func (c *Confirmation) Type() string { return "N" }

// Interruptible returns a reader that ends when ctx does, even while r blocks:
// nobody should have to end a program twice because it waits for a terminal.
// What r is blocked in goes on until the process ends.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = pw.CloseWithError(ctx.Err()) })
	go func() {
		defer stop()
		_, err := io.Copy(pw, r)
		_ = pw.CloseWithError(err)
	}()
	return pr
}
