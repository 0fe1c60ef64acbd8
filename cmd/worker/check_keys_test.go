package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

func keySecret(b byte) []byte { return bytes.Repeat([]byte{b}, roster.KeyBytes) }

func keyID(b byte) string { return roster.KeyID(keySecret(b)) }

// keyFile is a file of the key that is made of one byte.
func keyFile(t *testing.T, b byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roster-key")
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(keySecret(b))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyed opens the pool with keys, the sealing one first.
func keyed(t *testing.T, at *embedredis.Server, secrets ...byte) *campaign.Store {
	t.Helper()
	all := make([][]byte, len(secrets))
	for i, b := range secrets {
		all[i] = keySecret(b)
	}
	keys, err := roster.NewKeys(all...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := campaign.Open(t.Context(), redistest.Client(t, at), campaign.Pool{Name: "prod", Hour: reset.MinHour, Retention: time.Hour, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func draft(t *testing.T, s *campaign.Store, id string) {
	t.Helper()
	r, err := roster.NewReader(strings.NewReader("username\nanna@example.com\n"), roster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), campaign.Spec{ID: id}, r); err != nil {
		t.Fatal(err)
	}
}

func TestThatRostersAreInClearIsSaid(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	draft(t, keyed(t, s), "a")
	c := checkFile(t, onePool(s.URL()))
	c.want(t, "roster_keys/keys", warned, "rosters are in clear", "docs/encryption.md")
	c.want(t, "pool prod/rosters", fine, "1 in clear")
}

func TestAKeyThatEverybodyCanReadIsSaid(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	path := keyFile(t, 1)
	file := onePool(s.URL(), "roster_keys: [{file: "+path+"}]")
	for mode, l := range map[os.FileMode]level{0o400: fine, 0o640: fine, 0o644: warned} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		f := checkFile(t, file).of(t, "roster_keys/keys")
		if f.Level != l || strings.Contains(f.text(), "chmod o-rwx "+path) != (l == warned) {
			t.Errorf("mode %o: %s %s", mode, f.Level, f.text())
		}
	}
}

// What stands in this line says when an old key may go.
func TestTheKeysThatRostersNeedAreToldAndWhichOfThemTheFileLacks(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	draft(t, keyed(t, s), "clear")
	draft(t, keyed(t, s, 1), "old")
	draft(t, keyed(t, s, 2, 1), "new")
	file := func(secrets ...byte) string {
		list := ""
		for _, b := range secrets {
			list += fmt.Sprintf("{file: %s},", keyFile(t, b))
		}
		return onePool(s.URL(), "roster_keys: ["+list+"]")
	}
	both := checkFile(t, file(2, 1))
	both.allFine(t)
	both.want(t, "roster_keys/keys", fine, keyID(2), "seals and opens, "+keyID(1))
	both.want(t, "pool prod/rosters", fine, "1 sealed with "+keyID(1), "1 sealed with "+keyID(2), "1 in clear")

	checkFile(t, file(2)).want(t, "pool prod/rosters", failed, "not in the file: old with "+keyID(1), "put the key back")
	checkFile(t, onePool(s.URL())).want(t, "pool prod/rosters", failed, "old with "+keyID(1), "new with "+keyID(2))
	if err := keyed(t, s).Cancel(t.Context(), "old", 1); err != nil {
		t.Fatal(err)
	}
	checkFile(t, file(2)).want(t, "pool prod/rosters", warned, "report, find and replay", "old with "+keyID(1))
	if err := keyed(t, s).Delete(t.Context(), "old", 1); err != nil {
		t.Fatal(err)
	}
	c := checkFile(t, file(2))
	c.allFine(t)
	if text := c.of(t, "pool prod/rosters").text(); strings.Contains(text, keyID(1)) {
		t.Errorf("a key that no roster needs any more is named: %s", text)
	}
}

func TestALineNamesAFewCampaignsOnly(t *testing.T) {
	t.Parallel()
	var all []campaign.Campaign
	for i := range 9 {
		all = append(all, campaign.Campaign{ID: fmt.Sprint("c", i), State: campaign.Running, Total: 1, Keys: []string{"01020304"}})
	}
	if f := rosters(all, nil); f.Level != failed || !strings.Contains(f.Says, "c4 with 01020304 and 4 more") || strings.Contains(f.Says, "c5") {
		t.Errorf("%s %s", f.Level, f.text())
	}
}
