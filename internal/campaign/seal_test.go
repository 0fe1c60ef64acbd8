package campaign

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// with is the same Redis by a program that has these roster keys.
func (l *life) with(secrets ...byte) *life {
	l.t.Helper()
	all := make([][]byte, len(secrets))
	for i, b := range secrets {
		all[i] = bytes.Repeat([]byte{b}, roster.KeyBytes)
	}
	keys, err := roster.NewKeys(all...)
	l.ok(err)
	pool := l.pool
	pool.Keys = keys
	s, err := Open(l.t.Context(), l.rdb, pool)
	l.ok(err)
	return &life{Store: s, t: l.t, rdb: l.rdb}
}

func keyID(b byte) string { return roster.KeyID(bytes.Repeat([]byte{b}, roster.KeyBytes)) }

// read yields the names that a report has, and its errors.
func (l *life) read(id string) (all []string, errs []error) {
	l.t.Helper()
	for line, err := range l.Rows(l.t.Context(), l.campaign(id), Filter{}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, line.Username.Reveal())
	}
	return all, errs
}

// clearPieces counts the values in Redis that hold a name, also a compressed one.
func (l *life) clearPieces() (n int) {
	l.t.Helper()
	dec, err := zstd.NewReader(nil)
	l.ok(err)
	defer dec.Close()
	for _, key := range l.rdb.Keys(l.t.Context(), "*").Val() {
		var values []string
		switch l.rdb.Type(l.t.Context(), key).Val() {
		case "string":
			values = []string{l.rdb.Get(l.t.Context(), key).Val()}
		case "hash":
			values = l.rdb.HVals(l.t.Context(), key).Val()
		}
		for _, v := range values {
			if _, frame, ok := strings.Cut(v, "\x28\xb5\x2f\xfd"); ok {
				plain, _ := dec.DecodeAll([]byte("\x28\xb5\x2f\xfd"+frame), nil)
				v += string(plain)
			}
			if strings.Contains(v, "@example.com") {
				n++
			}
		}
	}
	return n
}

func TestARosterThatIsSealedIsReadWithItsKeyAlone(t *testing.T) {
	clear := newLife(t)
	old := clear.with(1)
	c := old.draft("c", 3000)
	old.append("User999999@example.com", "")
	if n := clear.clearPieces(); n != 0 {
		t.Fatalf("%d values in Redis hold names", n)
	}
	if !slices.Equal(c.Keys, []string{keyID(1)}) {
		t.Errorf("its keys are %v", c.Keys)
	}
	for _, l := range []*life{old, clear.with(2, 1), clear.with(1, 2)} {
		if got, errs := l.read("c"); !slices.Equal(got, namesFrom(0, 3000)) || len(errs) > 0 {
			t.Errorf("the key is there, and the report has errors %v", errs)
		}
		if row, err := l.Request(t.Context(), c.Ref(2500)); err != nil || row.Request.Username.Reveal() != nameOf(2500) {
			t.Errorf("the key is there: %v", err)
		}
	}
	for _, l := range []*life{clear, clear.with(2)} {
		got, errs := l.read("c")
		if len(errs) != 3 || len(got) != 3000 || strings.Join(got, "") != "" {
			t.Fatalf("the key is not there: %d rows, errors %v", len(got), errs)
		}
		if e := wantErr[ErrNoKey](t, errs[1]); e.Err.ID != keyID(1) || e.First != 1024 || e.Last != 2047 {
			t.Errorf("error is %v", e)
		}
		_, err := l.Request(t.Context(), c.Ref(2500))
		wantErr[ErrNoKey](t, err)
		_, err = l.Find(t.Context(), "", reset.Hide(nameOf(7)))
		wantErr[ErrNoKey](t, err)
	}
	clear.draft("in-clear", 10)
	if clear.clearPieces() != 1 {
		t.Error("the search for names does not find them in clear")
	}
}

func TestARosterInClearIsReadAfterAKeyHasBeenSet(t *testing.T) {
	clear := newLife(t)
	clear.draft("c", 1500)
	ref, _ := clear.append(nameOf(7), "")
	l := clear.with(1)
	if got, errs := l.read("c"); !slices.Equal(got, namesFrom(0, 1500)) || len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
	// From now on the day's campaign has rows of both kinds.
	l.append(nameOf(8), "")
	if got, errs := l.read(ref.Campaign); !slices.Equal(got, namesFrom(7, 9)) || len(errs) > 0 {
		t.Errorf("read %v, errors %v", got, errs)
	}
	got, errs := clear.read(ref.Campaign)
	if len(errs) != 1 || !slices.Equal(got, []string{nameOf(7), ""}) {
		t.Fatalf("without the key: %v, errors %v", got, errs)
	}
	if e := wantErr[ErrNoKey](t, errs[0]); e.First != 1 || e.Last != 1 {
		t.Errorf("error is %v", e)
	}
}

func TestTheSameFileIsTheSameUnderAnyKey(t *testing.T) {
	for name, by := range map[string][]byte{"in clear": nil, "with the old key": {1}, "with both": {2, 1}} {
		t.Run(name, func(t *testing.T) {
			clear := newLife(t)
			before := clear.with(by...).draft("c", 100)
			again := clear.with(2, 1)
			plan, err := again.Load(t.Context(), Spec{ID: "c"}, again.reader(csvOf(0, 100)))
			if err != nil || !plan.Existed || again.campaign("c").Generation != before.Generation {
				t.Errorf("plan %+v, error %v", plan, err)
			}
			_, err = again.Load(t.Context(), Spec{ID: "c"}, again.reader(csvOf(0, 101)))
			wantErr[ErrOtherContent](t, err)
		})
	}
	clear := newLife(t)
	clear.with(1).draft("c", 100)
	other := clear.with(2)
	_, err := other.Load(t.Context(), Spec{ID: "c"}, other.reader(csvOf(0, 100)))
	if e := wantErr[roster.ErrNoKey](t, err); e.ID != keyID(1) {
		t.Errorf("error is %v", err)
	}
}

// A list of three is found by trying when a plain digest of it is kept.
func TestTheDigestOfASealedListIsNotThePlainOne(t *testing.T) {
	clear := newLife(t)
	plain := clear.draft("c", 3).digest
	clear.with(1).draft("d", 3)
	for field, v := range clear.rdb.HGetAll(t.Context(), clear.keys.campaign("d")).Val() {
		if strings.Contains(v, plain) {
			t.Errorf("field %s holds the plain digest", field)
		}
	}
}

func TestAChunkThatIsNotInItsPlaceNamesItselfAndLosesNoOtherRow(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(l *life, key string)
		text   string
	}{
		"of another place":    {func(l *life, key string) { l.rdb.Copy(t.Context(), l.keys.roster("c", 0), key, 0, true) }, "moved here from another place"},
		"of another campaign": {func(l *life, key string) { l.rdb.Copy(t.Context(), l.keys.roster("d", 1), key, 0, true) }, "moved here from another campaign"},
		"cut off": {func(l *life, key string) {
			l.rdb.Set(t.Context(), key, l.rdb.GetRange(t.Context(), key, 0, 99).Val(), 0)
		}, "cut off: 100 of "},
		"changed": {func(l *life, key string) { l.rdb.SetRange(t.Context(), key, 99, "damage") }, "changed after it was sealed"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t).with(1)
			l.draft("c", 3000)
			l.draft("d", 3000)
			c.damage(l, l.keys.roster("c", 1))
			got, errs := l.read("c")
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), c.text) {
				t.Fatalf("errors are %v", errs)
			}
			if e := wantErr[ErrDamaged](t, errs[0]); e.First != 1024 || e.Last != 2047 {
				t.Errorf("error is %v", e)
			}
			if want := slices.Concat(namesFrom(0, 1024), make([]string, 1024), namesFrom(2048, 3000)); !slices.Equal(got, want) {
				t.Error("other rows were lost")
			}
		})
	}
}

func TestSealedAppendsAtOnceAreRowsOfTheirOwn(t *testing.T) {
	clear := newLife(t)
	const n, callers = 1100, 20 // more than a chunk
	refs := make([]reset.Ref, n)
	together(callers, func(g int) {
		l := clear.with(1) // each is a program of its own
		for i := g; i < n; i += callers {
			var err error
			if refs[i], _, err = l.Append(t.Context(), single(nameOf(i)), ""); err != nil {
				t.Error(err)
			}
		}
	})
	l := clear.with(1)
	want := make([]string, n)
	for i, ref := range refs {
		want[ref.Row] = nameOf(i)
	}
	if got, errs := l.read(refs[0].Campaign); !slices.Equal(got, want) || len(errs) > 0 {
		t.Errorf("the report has other users in its rows, errors %v", errs)
	}
	if n := clear.clearPieces(); n != 0 {
		t.Errorf("%d values in Redis hold names", n)
	}
	row, err := l.Request(t.Context(), refs[7])
	if err != nil || row.Request.Username.Reveal() != nameOf(7) {
		t.Errorf("request: %v", err)
	}
}

func TestASingleRowIsSealedForItsNumber(t *testing.T) {
	l := newLife(t).with(1)
	var refs []reset.Ref
	for i := range 3 {
		ref, _ := l.append(nameOf(i), fmt.Sprint(i))
		refs = append(refs, ref)
	}
	key := l.keys.roster(refs[0].Campaign, 0)
	l.rdb.HSet(t.Context(), key, "1", l.rdb.HGet(t.Context(), key, "2").Val())
	got, errs := l.read(refs[0].Campaign)
	if len(errs) != 1 || !slices.Equal(got, []string{nameOf(0), "", nameOf(2)}) {
		t.Fatalf("read %v, errors %v", got, errs)
	}
	if e := wantErr[ErrDamaged](t, errs[0]); e.First != 1 || e.Last != 1 || !strings.Contains(e.Error(), "number 2 in the place of number 1") {
		t.Errorf("error is %v", e)
	}
}

func TestAKeyIsRotatedWhileTheDayLasts(t *testing.T) {
	clear := newLife(t)
	old, rotated := clear.with(1), clear.with(2, 1)
	ref, _ := old.append(nameOf(0), "")
	rotated.append(nameOf(1), "")
	old.append(nameOf(2), "")
	if got, errs := rotated.read(ref.Campaign); !slices.Equal(got, namesFrom(0, 3)) || len(errs) > 0 {
		t.Errorf("read %v, errors %v", got, errs)
	}
	if c := rotated.campaign(ref.Campaign); !slices.Equal(c.Keys, []string{keyID(1), keyID(2)}) {
		t.Errorf("its keys are %v", c.Keys)
	}
	got, errs := clear.with(2).read(ref.Campaign)
	if len(errs) != 2 || !slices.Equal(got, []string{"", nameOf(1), ""}) {
		t.Errorf("with the new key alone: %v, errors %v", got, errs)
	}
}

// What an interrupted load has sealed with one key is not mixed with another's.
func TestALoadThatBeginsAgainWithAnotherKeyHasThatKey(t *testing.T) {
	clear := newLife(t)
	old, l := clear.with(1), clear.with(2)
	g := gated(old.reader(csvOf(0, 9000)), 5000)
	ended := make(chan error)
	go func() {
		_, err := old.load(t.Context(), Spec{ID: "c"}, g.source)
		ended <- err
	}()
	<-g.reached
	if c := l.draft("c", 3000); !slices.Equal(c.Keys, []string{keyID(2)}) {
		t.Errorf("its keys are %v", c.Keys)
	}
	close(g.open)
	wantErr[ErrStale](t, <-ended)
	if got, errs := l.read("c"); !slices.Equal(got, namesFrom(0, 3000)) || len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
	if c := clear.draft("d", 10); len(c.Keys) != 0 {
		t.Errorf("a roster in clear has keys %v", c.Keys)
	}
}
