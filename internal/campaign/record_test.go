package campaign

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

var anyRecord = rapid.Custom(func(t *rapid.T) Record {
	r := Record{
		State:    State(rapid.IntRange(0, int(Skipped)).Draw(t, "state")),
		Cause:    reset.Cause(rapid.IntRange(0, 127).Draw(t, "cause")),
		Attempts: rapid.Uint8().Draw(t, "attempts"),
	}
	if b3 := rapid.Uint8().Draw(t, "b3"); r.State == Accepted {
		r.Medium = reset.Medium(b3)
	} else {
		r.Free = b3
	}
	if at := rapid.Uint32().Draw(t, "at"); at != 0 {
		r.At = time.Unix(int64(at), 0).UTC()
	}
	return r
})

func TestARecordSurvivesItsBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyRecord.Draw(t, "record")
		got, err := ParseRecord(want.Bytes())
		if err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 0, 0, 1, 0x69, 0, 0, 0})
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err == nil && len(b) > 0 && !bytes.Equal(r.Bytes(), b) {
			t.Errorf("%x is read as %+v, which is written as %x", b, r, r.Bytes())
		}
	})
}

func TestARecordOfANewerVersionIsAnError(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{{8, 0, 0, 0, 0, 0, 0, 0}, {255, 0, 0, 0, 0, 0, 0, 0}, {1, 2, 3}, make([]byte, 9)} {
		if r, err := ParseRecord(b); err == nil {
			t.Errorf("%x is read as %+v", b, r)
		}
	}
}

func TestAnAbsentRecordIsPlanned(t *testing.T) {
	t.Parallel()
	for _, chunk := range [][]byte{nil, make([]byte, ledgerBytes)} {
		if r, err := recordAt(chunk, 1023); err != nil || r != (Record{}) {
			t.Errorf("record 1023 of %d bytes: %+v, %v; want planned", len(chunk), r, err)
		}
	}
}

// recordsAlike is what transition.lua makes of ARGV 3 on: the record decoded,
// and encoded again; free waits after one more of a cause; seconds rounded up.
const recordsAlike = `
local r = decode(ARGV[3], 0)
local again = waits(r, tonumber(ARGV[4]), tonumber(ARGV[5]))
return {r.state, r.cause, r.attempts, r.free, int(r.time), encode(r), encode(again), ceil_s(tonumber(ARGV[6])), member(tonumber(ARGV[7]))}`

func TestLuaAndGoReadRecordsAlike(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	shared, err := sharedText()
	if err != nil {
		t.Fatal(err)
	}
	script := shared + recordsAlike
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord.Draw(t, "record")
		cause := reset.Cause(rapid.IntRange(0, 127).Draw(t, "cause"))
		till := rapid.Uint32Min(1).Draw(t, "till")
		ms := rapid.Int64Range(0, 4e12).Draw(t, "ms")
		ref := reset.Ref{Campaign: "c", Generation: "g", Row: rapid.Int64Range(0, 1<<40).Draw(t, "row")}
		got, err := rdb.Eval(t.Context(), script, []string{"{p}a", "{p}b", "{p}c", "{p}d"},
			ref.Campaign, ref.Generation, r.Bytes(), uint8(cause), till, ms, ref.Row).Slice()
		if err != nil {
			t.Fatal(err)
		}
		b := r.Bytes()
		seconds := int64(0)
		if !r.At.IsZero() {
			seconds = r.At.Unix()
		}
		again := waitsInGo(r, cause, time.Unix(int64(till), 0).UTC())
		want := []any{int64(b[0]), int64(b[1]), int64(b[2]), int64(b[3]), itoa(seconds),
			string(b), string(again.Bytes()), (ms + 999) / 1000, member(ref)}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("value %d of %+v: Lua has %q, Go has %q", i, r, got[i], want[i])
			}
		}
	})
}

// waitsInGo is transition.lua's waits: a free wait, counted if its cause is the
// one of the wait before.
func waitsInGo(r Record, c reset.Cause, till time.Time) Record {
	free := uint8(1)
	if r.Cause == c {
		free = uint8(min(int(r.Bytes()[3])+1, 255))
	}
	return Record{State: Waiting, Cause: c, Attempts: r.Attempts, Free: free, At: till}
}

func TestLuaAndGoUseTheSameNumbers(t *testing.T) {
	t.Parallel()
	rdb := redistest.New(t)
	shared, err := sharedText()
	if err != nil {
		t.Fatal(err)
	}
	got, err := rdb.Eval(t.Context(), shared+`
local finals = {}
for state = 0, 7 do finals[state + 1] = NAMES[state] .. (FINAL[state] and '!' or '') end
return {CHUNK_ROWS, RECORDS, unpack(finals)}`, []string{"{p}a", "{p}b", "{p}c", "{p}d"}, "c", "g").Slice()
	if err != nil {
		t.Fatal(err)
	}
	want := []any{int64(roster.ChunkRows), int64(ledgerBytes - 2)}
	for s, name := range stateFields {
		if State(s).Final() {
			name += "!"
		}
		want = append(want, name)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d: Lua has %v, Go has %v", i, got[i], want[i])
		}
	}
	if want := fmt.Sprintf("CAUSE_LIVE, CAUSE_LOST, CAUSE_ROSTER_DAMAGED, CAUSE_LEDGER_DAMAGED = %d, %d, %d, %d\n",
		reset.Live, reset.Lost, reset.RosterDamaged, reset.LedgerDamaged); !strings.Contains(shared, want) {
		t.Errorf("transition.lua does not say %q", want)
	}
}
