package roster

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most memory that a zstd stream may ask for: what zstd's own
// program allows without being told otherwise.
const maxWindow = 128 << 20

const (
	magicGzip = "\x1f\x8b"
	magicZstd = "\x28\xb5\x2f\xfd"
	bom       = "\xef\xbb\xbf"
)

// strangers are files that people give by mistake, by their first bytes.
var strangers = []struct{ magic, advice string }{
	{"PK\x03\x04", "this is a ZIP archive or a spreadsheet: export it as CSV"},
	{"\xd0\xcf\x11\xe0", "this is a spreadsheet: export it as CSV"},
	{"\xff\xfe", "this is UTF-16: save it as UTF-8"},
	{"\xfe\xff", "this is UTF-16: save it as UTF-8"},
	{"BZh", "this is compressed with bzip2: gzip and zstd are read"},
	{"\xfd7zXZ", "this is compressed with xz: gzip and zstd are read"},
	{"PAR1", "this is Parquet: export it as CSV or NDJSON"},
}

// open looks at the first bytes, unpacks what is compressed and steps over a
// byte order mark.
func open(r io.Reader) (*source, error) {
	src := newSource(r)
	if err := src.fill(4); err != nil {
		return nil, err
	}
	plain, err := unzip(src)
	if err != nil {
		return nil, err
	}
	if plain != src {
		src = plain
		if err := src.fill(4); err != nil {
			return nil, err
		}
		if w := src.window(); bytes.HasPrefix(w, []byte(magicGzip)) || bytes.HasPrefix(w, []byte(magicZstd)) {
			return nil, errors.New("the file is compressed twice: unpack it once")
		}
	}
	for _, s := range strangers {
		if bytes.HasPrefix(src.window(), []byte(s.magic)) {
			return nil, errors.New(s.advice)
		}
	}
	if bytes.HasPrefix(src.window(), []byte(bom)) {
		src.advance(len(bom), 0)
	}
	return src, nil
}

// unzip returns src itself when it is not compressed.
func unzip(src *source) (*source, error) {
	whole := &rest{src}
	switch w := src.window(); {
	case bytes.HasPrefix(w, []byte(magicGzip)):
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, errors.New("the file begins like gzip and is not: " + err.Error())
		}
		return newSource(z), nil
	case bytes.HasPrefix(w, []byte(magicZstd)):
		// One goroutine: a reader that is dropped half-way leaves nothing behind.
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, errors.New("the file begins like zstd and is not: " + err.Error())
		}
		return newSource(z), nil
	}
	return src, nil
}

// fill reads until the window has n bytes or the file ends.
func (s *source) fill(n int) error {
	for len(s.window()) < n && s.more() {
	}
	if s.err != nil && !s.ended() {
		return s.failure()
	}
	return nil
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
