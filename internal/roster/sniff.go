package roster

import (
	"bytes"
	"errors"
	"io"
)

const bom = "\xef\xbb\xbf"

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
		if w := src.window(); isGzip(w) || isZstd(w) {
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

// fill reads until the window has n bytes or the file ends.
func (s *source) fill(n int) error {
	for len(s.window()) < n && s.more() {
	}
	if s.err != nil && !s.ended() {
		return s.failure()
	}
	return nil
}
