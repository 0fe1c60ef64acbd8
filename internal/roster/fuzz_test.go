package roster

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
)

// account reads data and checks what holds for every file: it ends, the rows
// are valid and each is once there, every row is accounted for, and lines rise.
func account(t *testing.T, data []byte, o Options) (rows []Row, rejects []Reject, err error) {
	o.Rejects = collect(&rejects)
	r, err := NewReader(bytes.NewReader(data), o)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for row, rowErr := range r.Rows() {
		if err = rowErr; err != nil {
			break
		}
		rows = append(rows, row)
		if err := Validate(row.Request); err != nil {
			t.Fatalf("line %d: an invalid row: %v", row.Line, err)
		}
		name := Fold(row.Request.Username.Reveal(), o.CaseSensitive)
		if seen[name] {
			t.Fatalf("line %d: a user for the second time", row.Line)
		}
		seen[name] = true
	}
	lines := int64(bytes.Count(data, []byte("\n"))) + 1
	if !slices.IsSortedFunc(rows, func(a, b Row) int { return int(a.Line - b.Line) }) ||
		len(rows) > 0 && rows[len(rows)-1].Line > lines {
		t.Fatal("lines do not rise within the file")
	}
	checkCounts(t, r.Stats(), len(rows), len(rejects))
	if again, err2 := NewReader(&few{r: bytes.NewReader(data)}, o); err == nil && err2 == nil {
		drain(t, again)
		if again.Stats().Digest != r.Stats().Digest {
			t.Fatal("small reads change the digest")
		}
	}
	return rows, rejects, err
}

// few reads a few bytes at a time.
type few struct{ r io.Reader }

func (f *few) Read(p []byte) (int, error) { return f.r.Read(p[:min(len(p), 7)]) }

// FuzzCSV compares with encoding/csv wherever that reads the whole file.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"username\na\nb\n", "a,username,client_metadata.k\n1,u,v\r\n", "username,x\n\"a\"\"\",\"1\n2\"\n",
		"username;x\na;\"\n", "username\tx\na\t\"b\"c\n", "\xef\xbb\xbfusername,x\n\"a\n\",b\n\"", "username\n\r\n\"\"\n,\n",
		"username,x\na,\"1\nb,2\"\nc,3\n", "\x1f\x8b\x08", "{\"username\":\"a\"}\n", "username\r\rx\n", "username,x\na,\"\r\"\r",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, noHeader bool) {
		rows, rejects, err := account(t, data, Options{NoHeader: noHeader, CaseSensitive: true})
		if err != nil || noHeader || !bytes.HasPrefix(data, []byte("username,x\n")) {
			return
		}
		theirs := csv.NewReader(bytes.NewReader(data))
		theirs.FieldsPerRecord = 2
		records, err := theirs.ReadAll()
		if err != nil {
			if len(rejects) == 0 && !bytes.Contains(data, []byte("\r")) {
				t.Fatalf("encoding/csv refuses the file, and no row was rejected: %v", err)
			}
			return
		}
		known := map[string]bool{}
		for _, record := range records[1:] {
			known[string(original([]byte(record[0])))] = true
		}
		for _, row := range rows {
			if !known[row.Request.Username.Reveal()] {
				t.Fatalf("line %d: a user whom encoding/csv does not see", row.Line)
			}
		}
		for _, reject := range rejects {
			if strings.HasPrefix(reject.Reason, "has ") {
				t.Fatalf("a well-formed row was rejected: %v", reject)
			}
		}
	})
}

// FuzzNDJSON compares with encoding/json, which must agree where we accept.
func FuzzNDJSON(f *testing.F) {
	for _, s := range []string{
		`{"username":"a"}`, `{"username":"a","client_metadata":{"k":"v"},"analytics_endpoint_id":"x","user_context":{"ip_address":"1","encoded_data":"2"}}`,
		`{"username":"\ud83d\ude42\u00fc\"\\"}`, `{"username":"a","x":[{"y":"}"},[1,-2e3,null,true]]}`, ` { "username" : null } `,
		`{"username":"a","client_metadata":null,"user_context":{}}`, `{"user\u006eame":"a"}`, `{"username":"\ud800"}`, "{\"username\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		data := append([]byte("{\"username\":\"first\"}\n"), line...)
		rows, _, err := account(t, data, Options{CaseSensitive: true})
		if err != nil {
			return
		}
		for _, row := range rows[1:] {
			text := strings.Split(string(data), "\n")[row.Line-1]
			var want map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatalf("encoding/json refuses %q: %v", text, err)
			}
			var name string
			if err := json.Unmarshal(want["username"], &name); err != nil || name != row.Request.Username.Reveal() {
				t.Fatalf("%q: read as %q, error %v", text, row.Request.Username.Reveal(), err)
			}
		}
	})
}

// FuzzUnpack must never panic, and what it accepts is a chunk like any other.
func FuzzUnpack(f *testing.F) {
	rows := readAll(f, "username,client_metadata.k,ip_address\na,1,x\nb,,\nc,3,y\n", Options{})
	f.Add(appendChunk(nil, rows), true)
	f.Add([]byte{1, 2, 1, 'a', 0, 0, 0, 0}, true)
	chunk, err := Pack(rows)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(chunk, false)
	f.Fuzz(func(t *testing.T, data []byte, plain bool) {
		if plain {
			data = compressed(t, data)
		}
		rows, err := Unpack(data)
		users, usersErr := new(Codec).Users(0, data)
		if err != nil {
			return
		}
		if usersErr != nil || users.Len() != len(rows) || users.Username(len(rows)-1).Reveal() != rows[len(rows)-1].Request.Username.Reveal() {
			t.Fatalf("%d rows, and %d users, error %v", len(rows), users.Len(), usersErr)
		}
		chunk, err := Pack(rows)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Unpack(chunk)
		if err != nil || written(again) != written(rows) {
			t.Fatalf("rows change when they are packed again, error %v", err)
		}
	})
}
