package ratelimit

// Differs compares a file's numbers with those by which workers hold the bucket
// at this moment. It returns nil when they are the same, or when nobody does.
func (s State) Differs(q Quota) *DiffersError {
	if !s.Held || s.numbers == q.numbers() {
		return nil
	}
	return (&Bucket{quota: q}).differs(s.numbers, s.By, s.left)
}
