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
// printed can then be copied.
func (p *Program) Sibling(own, other string) string {
	if prefix, ok := strings.CutSuffix(p.Name, own); ok {
		return prefix + other
	}
	return other
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

// called is [Program.Sibling] where it is not known which program this is.
func (p *Program) called(other string) string {
	switch own := p.own(); {
	case own == "":
		return other
	case own == twin && strings.HasSuffix(p.Name, "-"+packed):
		return p.Sibling(packed, other)
	default:
		return p.Sibling(own, other)
	}
}

// all are the programs, as they are installed.
func (p *Program) all() []string {
	last := twin
	if p.called(worker) != worker {
		last = p.called(packed)
	}
	return []string{p.called(worker), p.called(enqueue), p.called(operate), last}
}
