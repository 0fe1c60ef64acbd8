package roster

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most memory that a zstd stream may ask for: what every reader
// should have, by RFC 8878, and every level up to 19 makes do with. With it a
// load of a million rows needs 12 MB more than of a plain file, and would need
// 150 MB more with the 128 MB of --long.
const maxWindow = 8 << 20

// Damaged, because the decoder has one error for both.
var errWindow = errors.New("this zstd file needs a window of more than 8 MB, or is damaged: " +
	"pack it again without --long and --ultra, or unpack it with  zstd -d --long=31")

const magicGzip = "\x1f\x8b"

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte(magicGzip)) }

// isZstd knows both frames that a file may begin with. The second is one to be
// skipped; pzstd puts one in front of everything.
func isZstd(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")) ||
		len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// unzip returns src itself when it is not compressed.
func unzip(src *source) (*source, error) {
	switch w := src.window(); {
	case isGzip(w):
		z, err := newGunzip(&rest{src})
		if err != nil {
			return nil, errors.New("the file begins like gzip and is not: " + err.Error())
		}
		return newSource(z), nil
	case isZstd(w):
		// One goroutine: a reader that is dropped half-way leaves nothing behind.
		z, err := zstd.NewReader(&rest{src}, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, errors.New("the file begins like zstd and is not: " + err.Error())
		}
		return newSource(&unzstd{z}), nil
	}
	return src, nil
}

// rest reads a source's window and then its stream.
type rest struct{ *source }

func (r *rest) Read(p []byte) (int, error) {
	if n := copy(p, r.window()); n > 0 {
		r.start += n
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.r.Read(p)
}

// errBehind is not read over: what follows may be the rest of the list.
func errBehind(format string) error {
	return errors.New("behind its end the file goes on with something that is not " + format + ": pack the list again")
}

// unzstd gives errors the words of an operator.
type unzstd struct{ z io.Reader }

// Read implements io.Reader.
func (u *unzstd) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		err = errWindow
	case errors.Is(err, zstd.ErrMagicMismatch):
		err = errBehind("zstd")
	}
	return n, err
}

// gunzip reads gzip files that follow each other, one by one: so it can tell a
// file that is cut off from one with something else behind its end.
type gunzip struct {
	in *bufio.Reader
	z  *gzip.Reader
}

func newGunzip(r io.Reader) (*gunzip, error) {
	g := &gunzip{in: bufio.NewReaderSize(r, firstBuffer)}
	var err error
	if g.z, err = gzip.NewReader(g.in); err != nil {
		return nil, err
	}
	g.z.Multistream(false)
	return g, nil
}

// Read implements io.Reader.
func (g *gunzip) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if errors.Is(err, io.EOF) {
		err = g.next()
	}
	return n, err
}

// next goes on to the file behind this one's end. io.EOF: there is none.
func (g *gunzip) next() error {
	head, err := g.in.Peek(len(magicGzip))
	switch {
	case len(head) == 0:
		return err
	case !isGzip(head) && string(head) != magicGzip[:1]:
		return errBehind("gzip")
	}
	err = g.z.Reset(g.in)
	g.z.Multistream(false)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
