package cli

import (
	"slices"
	"strconv"

	"github.com/rekeyhq/rekey/internal/config"
)

// entry is one of a list of a manual page, for the programs that it is true of.
type entry struct {
	name, text string
	of         []string
}

var withRedis = []string{worker, enqueue, operate}

var environment = []entry{
	{"REKEY_CONFIG", "The configuration, where there is no --config.", withRedis},
	{"REKEY_REDIS", "In place of redis in the configuration.", withRedis},
	{"REKEY_LISTEN", "In place of listen in the configuration.", []string{worker}},
	{"REKEY_LOG_LEVEL", "debug, info, warn or error; info unless set.", []string{worker}},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces go; without it there are none.", []string{worker}},
	{"SSL_CERT_FILE", "Authorities to trust in place of the system's.", withRedis},
	{"NO_COLOR", "Set to anything, nothing is drawn on the terminal (demo).", []string{worker}},
}

var files = []entry{
	{config.DefaultPath, "The configuration, in the directory of the call.", withRedis},
	{config.SystemPath, "The configuration, where there is none in the directory.", withRedis},
	{"ID.rejects.csv", "Rows of a file that were not loaded, and why; --rejects names another one.", []string{enqueue}},
}

var statuses = []entry{
	{strconv.Itoa(CodeDone), "Done. A worker has drained; of check nothing fails; by health the worker serves.", []string{worker}},
	{strconv.Itoa(CodeDone), "Done.", []string{enqueue, operate, twin}},
	{strconv.Itoa(CodeFailed), "Failed.", nil},
	{strconv.Itoa(CodeUsage), "Usage or configuration.", nil},
	{strconv.Itoa(CodeRefused), "Refused: the confirmation is missing or wrong, or the state does not allow it.", []string{enqueue, operate}},
	{strconv.Itoa(CodeNotAccepted), "The user was not accepted (--username with --wait).", []string{enqueue}},
	{strconv.Itoa(CodeNotAccepted), "The campaign ended with rows that were not accepted (wait).", []string{operate}},
	{strconv.Itoa(CodeInterrupted), "Interrupted; can be resumed by the same command.", []string{enqueue, operate}},
	{strconv.Itoa(CodeInterrupted), "Interrupted.", []string{worker, twin}},
}

// manSurroundings are the sections on what a page's command reads and how it ends.
func (p *Program) manSurroundings(r *roff) {
	for _, section := range []struct {
		name    string
		entries []entry
	}{{"ENVIRONMENT", environment}, {"FILES", files}, {"EXIT STATUS", statuses}} {
		of := slices.DeleteFunc(slices.Clone(section.entries), func(e entry) bool { return e.of != nil && !slices.Contains(e.of, p.own()) })
		if len(of) > 0 {
			r.section(section.name)
		}
		for _, e := range of {
			r.term(bold(e.name), e.text)
		}
	}
}
