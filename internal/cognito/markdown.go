package cognito

import "strings"

// Markdown renders rows as the table of the documentation, which a test
// compares with the code.
func Markdown(rows []Row) string {
	var b strings.Builder
	b.WriteString("| code | text contains | outcome | cause | why |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		cells := []string{r.Code, r.texts(), r.Outcome.String(), r.Cause.String(), r.Reason}
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(c, "|", `\|`)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

func (r Row) texts() string {
	if len(r.Texts) == 0 {
		return "anything"
	}
	return "`" + strings.Join(r.Texts, "`, `") + "`"
}
