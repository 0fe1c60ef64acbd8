package tasks

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestPayloadComesBackAsItWent(t *testing.T) {
	t.Parallel()
	for _, ref := range []reset.Ref{
		{Campaign: "breach-2026", Generation: "f00d", Row: 0},
		{Campaign: "intake-2026-11-23-prod", Generation: "a\"b", Row: 1<<53 - 1},
	} {
		got, err := decodePayload(encodePayload(ref))
		if err != nil || got != ref {
			t.Errorf("%+v came back as %+v, %v", ref, got, err)
		}
	}
}

func TestPayloadOfSomebodyElseIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ payload, want string }{
		"nothing":        {``, "EOF"},
		"not JSON":       {`hello`, "invalid character"},
		"unknown key":    {`{"campaign":"a","generation":"g","row":1,"username":"x"}`, "unknown field"},
		"no campaign":    {`{"generation":"g","row":1}`, "no campaign"},
		"empty campaign": {`{"campaign":"","generation":"g","row":1}`, "no campaign"},
		"no generation":  {`{"campaign":"a","row":1}`, "no generation"},
		"no row":         {`{"campaign":"a","generation":"g"}`, "no row"},
		"null row":       {`{"campaign":"a","generation":"g","row":null}`, "no row"},
		"negative row":   {`{"campaign":"a","generation":"g","row":-1}`, "row -1"},
		"half a row":     {`{"campaign":"a","generation":"g","row":1.5}`, "cannot unmarshal"},
		"two objects":    {`{"campaign":"a","generation":"g","row":1}{}`, "something follows"},
		"too long":       {`{"campaign":"` + strings.Repeat("a", maxPayload) + `"}`, "more than"},
	} {
		_, err := decodePayload([]byte(c.payload))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "payload: ") {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestQueuesAreNamedAsOperatorsLookForThem(t *testing.T) {
	t.Parallel()
	if got := UrgentQueue("prod") + " " + Queue("prod"); got != "rekey-prod-urgent rekey-prod" {
		t.Errorf("queues %s", got)
	}
	ref := reset.Ref{Campaign: "breach", Generation: "g", Row: 7}
	if got := taskID(ref) + " " + spareID(ref, 1700000000); got != "breach#7 breach#7#1700000000" {
		t.Errorf("task ids %s", got)
	}
	if rowOf(taskID(ref)) != taskID(ref) || rowOf(spareID(ref, 5)) != taskID(ref) {
		t.Error("a task's id does not lead back to its row")
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"campaign":"a","generation":"g","row":1}`))
	f.Add([]byte(`{"campaign":"a","generation":"g","row":1} x`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ref, err := decodePayload(b)
		if err != nil {
			return
		}
		if ref.Campaign == "" || ref.Generation == "" || ref.Row < 0 {
			t.Errorf("%q was taken for %+v", b, ref)
		}
		if again, err := decodePayload(encodePayload(ref)); err != nil || again != ref {
			t.Errorf("%+v came back as %+v, %v", ref, again, err)
		}
	})
}
