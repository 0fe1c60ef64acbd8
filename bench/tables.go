package main

// tables are all there are, in the order in which they are printed.
func tables() []table {
	return []table{load(), limiter(), react(), read(), users(), send()}
}
