package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rekeyhq/rekey/internal/reset"
)

// TaskType is the type of every task, for those who look with asynq's tools.
const TaskType = "cognito:forgot_password"

// maxPayload bounds what is parsed: a payload of ours has under 200 bytes.
const maxPayload = 1 << 10

// UrgentQueue is the name of a pool's queue for urgent campaigns.
func UrgentQueue(pool string) string { return Queue(pool) + urgentSuffix }

const urgentSuffix = "-urgent"

// Queue is the name of a pool's queue for all other campaigns.
func Queue(pool string) string { return "rekey-" + pool }

// payload is what a task carries. No name of anybody: that is looked up in the
// roster at the last moment.
type payload struct {
	Campaign   *string `json:"campaign"`
	Generation *string `json:"generation"`
	Row        *int64  `json:"row"`
}

func encodePayload(ref reset.Ref) []byte {
	b, err := json.Marshal(payload{&ref.Campaign, &ref.Generation, &ref.Row})
	if err != nil {
		panic(err) //nolint:forbidigo // two strings and a number always marshal
	}
	return b
}

// decodePayload is strict, since a payload that is nearly ours is somebody
// else's: it must not end in a call.
func decodePayload(b []byte) (reset.Ref, error) {
	if len(b) > maxPayload {
		return reset.Ref{}, fmt.Errorf("payload: %d bytes, more than %d", len(b), maxPayload)
	}
	var p payload
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return reset.Ref{}, fmt.Errorf("payload: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return reset.Ref{}, errors.New("payload: something follows the object")
	}
	return p.ref()
}

func (p payload) ref() (reset.Ref, error) {
	switch {
	case p.Campaign == nil || *p.Campaign == "":
		return reset.Ref{}, errors.New("payload: no campaign")
	case p.Generation == nil || *p.Generation == "":
		return reset.Ref{}, errors.New("payload: no generation")
	case p.Row == nil:
		return reset.Ref{}, errors.New("payload: no row")
	case *p.Row < 0:
		return reset.Ref{}, fmt.Errorf("payload: row %d", *p.Row)
	}
	return reset.Ref{Campaign: *p.Campaign, Generation: *p.Generation, Row: *p.Row}, nil
}

// taskID is the row's name, so that asynq refuses a row that it holds already.
func taskID(ref reset.Ref) string { return ref.String() }

// spareID is the name of a row's task when the first one's name is taken by a
// task that is in none of the queue's lists.
func spareID(ref reset.Ref, unix int64) string {
	return taskID(ref) + "#" + strconv.FormatInt(unix, 10)
}

// rowOf returns the row's own task id, also of a spare one.
func rowOf(id string) string {
	campaign, rest, _ := strings.Cut(id, "#")
	row, _, _ := strings.Cut(rest, "#")
	return campaign + "#" + row
}
