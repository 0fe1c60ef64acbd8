package tasks

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// A client's secret is replaced in mid-campaign. A worker that knows both goes
// over to the new one; each try takes a token of its own, and no row an attempt.
func TestASecretsRotationCostsATokenForEachTryAndNoAttempt(t *testing.T) {
	t.Parallel()
	const n = 200
	r := newRig(t, 60, cognitosim.Options{Users: cognitosim.Users{N: n}, ClientSecrets: []string{"old"}})
	r.worker(func(s *setup) { s.client.ClientSecrets = []string{"old", "new"} })
	r.run("breach", users(n))
	r.until("the campaign is under way", 20*time.Second, func() bool { return r.campaign("breach").Counts.Accepted > n/4 })
	r.twin.SetSecrets("new")
	c := r.await("breach", "done", 40*time.Second, done)
	if c.Counts.Accepted != n {
		t.Errorf("%+v", c.Counts)
	}
	refused := 0
	for _, e := range r.twin.Journal() {
		if e.Answer != "OK" {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nobody was refused: the rotation showed nothing")
	}
	if calls := len(r.twin.Journal()); r.taken() < calls {
		t.Errorf("%d tokens for %d calls", r.taken(), calls)
	}
	for row := range int64(n) {
		rec, err := r.store.Record(t.Context(), c.Ref(row))
		if err != nil || rec.Attempts != 0 {
			t.Errorf("row %d: %+v, %v", row, rec, err)
		}
	}
}
