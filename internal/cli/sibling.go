package cli

import "strings"

// The programs, by their own names.
const (
	worker  = "worker"
	enqueue = "enqueue"
	operate = "campaign"
	twin    = "cognitosim"
	// packed is what packages call the twin, behind their prefix.
	packed = "sim"
)

// Sibling returns the name of another command of rekey as this one would be
// called: rekey-enqueue's sibling is rekey-campaign. Next steps that are
// printed can then be copied. Under a name that does not tell which program this
// is, it is the other's own.
func (p *Program) Sibling(other string) string {
	own := p.own()
	switch {
	case own == "":
		return other
	case own == twin && strings.HasSuffix(p.Name, "-"+packed):
		own = packed
	}
	return strings.TrimSuffix(p.Name, own) + other
}

// own returns which of the programs this is, or "" under a name that does not tell.
func (p *Program) own() string {
	for _, own := range []string{worker, enqueue, operate, twin} {
		if strings.HasSuffix(p.Name, own) {
			return own
		}
	}
	if strings.HasSuffix(p.Name, "-"+packed) {
		return twin
	}
	return ""
}

// all are the programs, as they are installed.
func (p *Program) all() []string {
	last := twin
	if p.Sibling(worker) != worker {
		last = p.Sibling(packed)
	}
	return []string{p.Sibling(worker), p.Sibling(enqueue), p.Sibling(operate), last}
}
