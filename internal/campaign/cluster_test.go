package campaign

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// newCluster is a Cluster of one node, which checks keys and slots as a large
// one does.
func newCluster(t *testing.T) *redis.Client {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	rdb := redistest.Client(t, redistest.Real(t, "--cluster-enabled", "yes", "--bind", "127.0.0.1", "--cluster-port", strconv.Itoa(port)))
	if err := rdb.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for rdb.Set(t.Context(), "ready", "", 0).Err() != nil {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatal("the cluster does not come up")
		}
	}
	return rdb
}

func TestEveryScriptOfTheLedgerRunsOnACluster(t *testing.T) {
	t.Parallel()
	l := ledgerOn(t, newCluster(t), 2000, "guard", 100)
	l.advance(1500)
	l.call(0, accepted())
	l.call(1, refused())
	l.call(2, userLimited())
	l.call(3, unanswered())
	l.call(4, misconfigured())
	l.want(l.mark(5), AnswerGo)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.Bury(t.Context(), l.ref(6), reset.RosterDamaged, "checksum"))
	if _, err := l.lost(t.Context(), l.ref(5)); err != nil {
		t.Error(err)
	}
	l.look()
	_, err := l.Later(t.Context(), 10)
	must(err)
	must(l.Fed(t.Context(), l.ref(2)))
	if rows, _ := l.walk(); len(rows) != 1500-7 {
		t.Errorf("the walk found %d rows, want %d", len(rows), 1500-7)
	}
	_, err = l.Lease(t.Context(), "a")
	must(err)
	must(l.Release(t.Context(), "a"))
	_, err = l.Finish(t.Context(), l.camp)
	must(err)
	must(l.ClearHalt(t.Context()))
	l.recount()
}
