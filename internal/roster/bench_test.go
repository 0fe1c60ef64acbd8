package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// addresses makes a CSV of n users with names as a real list has them.
func addresses(n int) []byte {
	first := []string{"anna", "ben", "carla", "david", "emma", "felix", "greta", "hans", "ines", "jonas", "katrin", "lukas", "mia", "noah", "olga", "paul"}
	last := []string{"mueller", "schmidt", "garcia", "rossi", "smith", "novak", "jansen", "dubois", "kowalski", "berg", "silva", "ferrari", "moreau", "popov", "larsen", "wagner"}
	domain := []string{"gmail.com", "outlook.com", "web.example", "yahoo.com", "mail.example.org", "icloud.com"}
	r := rand.New(rand.NewPCG(1, 2))
	b := []byte("username,name\n")
	for range n {
		b = fmt.Appendf(b, "%s.%s%d@%s,x\n", first[r.IntN(len(first))], last[r.IntN(len(last))], r.IntN(10_000_000), domain[r.IntN(len(domain))])
	}
	return b
}

// load reads and packs a file as a campaign does.
func load(data io.Reader, o Options) (stats Stats, size int, err error) {
	r, err := NewReader(data, o)
	if err != nil {
		return Stats{}, 0, err
	}
	rows := make([]Row, 0, ChunkRows)
	flush := func() {
		if err == nil && len(rows) > 0 {
			var chunk []byte
			chunk, err = Pack(rows)
			size += len(chunk)
			rows = rows[:0]
		}
	}
	for row, rowErr := range r.Rows() {
		if rowErr != nil {
			return r.Stats(), size, rowErr
		}
		if rows = append(rows, row); len(rows) == ChunkRows {
			flush()
		}
	}
	flush()
	return r.Stats(), size, err
}

// BenchmarkLoad reads, checks, digests and packs a list; encoding/csv, which
// only splits the same text, runs beside it for comparison.
func BenchmarkLoad(b *testing.B) {
	const users = 1_000_000
	data := addresses(users)
	b.SetBytes(int64(len(data)))
	var ours, theirs time.Duration
	size := 0
	for b.Loop() {
		start := time.Now()
		_, n, err := load(bytes.NewReader(data), Options{})
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		size = n
		b.StopTimer()
		start = time.Now()
		splitOnly(b, data)
		theirs += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(theirs), "×encoding/csv")
	b.ReportMetric(float64(size)/users, "B/user")
}

func splitOnly(b *testing.B, data []byte) {
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is without the packing.
func BenchmarkRead(b *testing.B) {
	data := addresses(1_000_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(data), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range r.Rows() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkSeen shows what it costs to know a user: time, and memory as the
// collector sees it.
func BenchmarkSeen(b *testing.B) {
	for _, users := range []int{1_000_000, 10_000_000} {
		b.Run(strconv.Itoa(users), func(b *testing.B) {
			var bytesUser float64
			for b.Loop() {
				before := heap()
				s := newSeen(false)
				name := []byte("user-")
				for i := range users {
					s.add(string(strconv.AppendInt(name[:5], int64(i), 10)))
				}
				bytesUser = float64(heap()-before) / float64(users)
				runtime.KeepAlive(s)
			}
			b.ReportMetric(bytesUser, "B/user")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(users), "ns/user")
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkUnpack(b *testing.B) {
	rows := readAll(b, string(addresses(ChunkRows)), Options{})
	chunk, err := Pack(rows)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unpack(chunk); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSeal and BenchmarkOpen are what a key adds to a chunk of addresses:
// beside packing and unpacking it in clear.
func BenchmarkSeal(b *testing.B) {
	rows := readAll(b, string(addresses(ChunkRows)), Options{})
	for name, codec := range map[string]*Codec{"clear": new(Codec), "key": codecOf(b, someLoad, 1)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pack(b, codec, 7, rows)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	rows := readAll(b, string(addresses(ChunkRows)), Options{})
	for name, codec := range map[string]*Codec{"clear": new(Codec), "key": codecOf(b, someLoad, 1)} {
		chunk := pack(b, codec, 7, rows)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Unpack(7, chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCodec is what a load, or a single row, pays for its keys.
func BenchmarkCodec(b *testing.B) {
	keys := keysOf(b, 2, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Codec(someLoad); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnpackUsers is what a report unpacks of a chunk.
func BenchmarkUnpackUsers(b *testing.B) {
	chunk := packed(b, readAll(b, string(addresses(ChunkRows)), Options{}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := new(Codec).Users(0, chunk); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSearch looks for somebody who is not in a chunk: for most names the
// letters must not be folded.
func BenchmarkSearch(b *testing.B) {
	rows := readAll(b, string(addresses(ChunkRows)), Options{})
	accents := slices.Clone(rows)
	for i := range accents {
		accents[i].Request = user("é" + accents[i].Request.Username.Reveal())
	}
	for name, rows := range map[string][]Row{"ascii": rows, "accents": accents} {
		chunk, search := packed(b, rows), NewSearch(reset.Hide("nobody@example.com"), false)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found, _, err := search.In(new(Codec), 0, chunk); found != nil || err != nil {
					b.Fatal(found, err)
				}
			}
		})
	}
}

// BenchmarkSplit compares like with like: splitting a file and making the
// requests, here and with encoding/csv.
func BenchmarkSplit(b *testing.B) {
	data := addresses(1_000_000)
	b.SetBytes(int64(len(data)))
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		splitHere(b, data)
		ours += time.Since(start)
		b.StopTimer()
		start = time.Now()
		r := csv.NewReader(bytes.NewReader(data))
		r.ReuseRecord = true
		var req reset.Request
		for record, err := r.Read(); err == nil; record, err = r.Read() {
			req = reset.Request{Username: reset.Hide(strings.Clone(record[0]))}
		}
		runtime.KeepAlive(req)
		theirs += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(theirs), "×encoding/csv")
}

func splitHere(b *testing.B, data []byte) {
	f, err := openCSV(newSource(bytes.NewReader(data)), Options{})
	for err == nil {
		_, err = f.next()
	}
	if !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
}
