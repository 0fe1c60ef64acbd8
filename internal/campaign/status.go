package campaign

// Status is the state of a campaign.
type Status string

// The states of a campaign.
const (
	Loading   Status = "loading"
	Draft     Status = "draft"
	Running   Status = "running"
	Paused    Status = "paused"
	Halted    Status = "halted"
	Done      Status = "done"
	Cancelled Status = "cancelled"
)

// Ended reports whether nothing of the campaign will be sent any more, short
// of a replay.
func (s Status) Ended() bool { return s == Done || s == Cancelled }

// possible lists the commands that a state allows, in the order in which an
// operator is likely to want them. The scripts decide; this is what errors say.
func (s Status) possible() []string {
	switch s {
	case Loading:
		return []string{"load again", "delete"}
	case Draft:
		return []string{"start", "cancel", "delete"}
	case Running:
		return []string{"pause", "replay", "cancel"}
	case Paused, Halted:
		return []string{"resume", "replay", "cancel", "delete"}
	case Done:
		return []string{"replay", "report", "delete"}
	case Cancelled:
		return []string{"report", "delete"}
	}
	return nil
}
