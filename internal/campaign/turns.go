package campaign

// CallsUntilDone counts the calls that go out until the campaign's last one: its
// own, those of more urgent campaigns that run, and those of equals, which take
// turns with it. Of what urgent leaves, normal and bulk campaigns get four rows
// to one. The others are the pool's; c itself may be among them. A row that is
// being called has its token, and is not counted.
func (c Campaign) CallsUntilDone(others []Campaign) int64 {
	own := c.Counts.ToDo()
	n := own
	for _, o := range others {
		if o.ID != c.ID && o.State == Running {
			n += min(o.Counts.ToDo(), turns(c.Priority, o.Priority, own))
		}
	}
	return n
}

// turns is how many rows of another priority can come before own rows are sent.
func turns(mine, other Priority, own int64) int64 {
	const all = 1 << 62
	switch {
	case mine == other:
		return own
	case other == Urgent:
		return all
	case mine == Urgent:
		return 0
	case mine == Normal:
		return own / 4
	}
	return own * 4
}
