package roster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// usernameColumns are looked for in this order. The first is what Cognito's
// own import file calls it; a sub or an alias is as good as the name.
var usernameColumns = []string{"cognito:username", "username", "sub", "email", "phone_number"}

// isImport reports whether a header is that of Cognito's own user import. There
// values are not quoted: a comma in one has a backslash before it.
func isImport(names []string) bool {
	return slices.Contains(names, "cognito:username") && slices.Contains(names, "cognito:mfa_enabled")
}

const metadataPrefix = "client_metadata."

// columns say where in a row the parameters stand; -1 is nowhere.
type columns struct {
	n             int
	username      int
	analytics     int
	ip            int
	encoded       int
	metadata      []metadataColumn
	used, ignored []string
}

type metadataColumn struct {
	index int
	key   string
}

// firstColumn is the mapping of a file without a header.
func firstColumn(n int) columns {
	c := columns{n: n, analytics: -1, ip: -1, encoded: -1, used: []string{"column 1"}}
	for i := 1; i < n; i++ {
		c.ignored = append(c.ignored, fmt.Sprintf("column %d", i+1))
	}
	return c
}

// mapColumns reads a header.
func mapColumns(names []string, usernameColumn string) (columns, error) {
	for i, name := range names {
		if err := checkName(name, i); err != nil {
			return columns{}, err
		}
	}
	username, err := findUsername(names, usernameColumn)
	if err != nil {
		return columns{}, err
	}
	c := columns{n: len(names), username: username, analytics: -1, ip: -1, encoded: -1,
		used: []string{names[username]}}
	for i, name := range names {
		if i == username {
			continue
		}
		if err := c.add(i, name); err != nil {
			return columns{}, err
		}
	}
	return c, nil
}

// checkName refuses what shows that this is no header in UTF-8.
func checkName(name string, i int) error {
	switch {
	case strings.ContainsRune(name, 0):
		return errors.New("the header has NUL bytes: is this UTF-16? Save it as UTF-8")
	case !utf8.ValidString(name):
		return fmt.Errorf("the header is not valid UTF-8 in column %d: save the file as UTF-8", i+1)
	case strings.ContainsRune(name, '\r'):
		return errors.New("the header has a carriage return inside: save the file with LF or CRLF at the line ends")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("the header has a control character in column %d", i+1)
	}
	return nil
}

func findUsername(names []string, wanted string) (int, error) {
	candidates := usernameColumns
	if wanted != "" {
		candidates = []string{wanted}
	}
	for _, c := range candidates {
		found := indices(names, c)
		if len(found) > 1 {
			return 0, fmt.Errorf("the header has the column %s twice, columns %d and %d: which one is the username?",
				c, found[0]+1, found[1]+1)
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return 0, noUsername(names, wanted)
}

// indices finds a column by its exact name, or else without regard to case:
// exports of people and of programs differ in nothing else.
func indices(names []string, wanted string) (found []int) {
	for i, name := range names {
		if name == wanted {
			found = append(found, i)
		}
	}
	if len(found) > 0 {
		return found
	}
	for i, name := range names {
		if strings.EqualFold(name, wanted) {
			found = append(found, i)
		}
	}
	return found
}

func noUsername(names []string, wanted string) error {
	what := "one of " + strings.Join(usernameColumns, ", ")
	if wanted != "" {
		what = wanted
	}
	return fmt.Errorf("no column for the username: looked for %s; the header has %s. Name the column with --username-column, or say --no-header when the first line is a user already",
		what, listNames(names))
}

// add takes the column i for what its name says.
func (c *columns) add(i int, name string) error {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, metadataPrefix) {
		return c.addMetadata(i, name)
	}
	var place *int
	switch lower {
	case "analytics_endpoint_id":
		place = &c.analytics
	case "ip_address":
		place = &c.ip
	case "encoded_data":
		place = &c.encoded
	default:
		c.ignored = append(c.ignored, publicName(name, i))
		return nil
	}
	if *place >= 0 {
		return fmt.Errorf("the header has the column %s twice, columns %d and %d", lower, *place+1, i+1)
	}
	*place = i
	c.used = append(c.used, name)
	return nil
}

func (c *columns) addMetadata(i int, name string) error {
	key := name[len(metadataPrefix):]
	if key == "" {
		return fmt.Errorf("column %d is %s without a key", i+1, metadataPrefix)
	}
	for _, m := range c.metadata {
		if m.key == key {
			return fmt.Errorf("the header has the column %s twice, columns %d and %d", name, m.index+1, i+1)
		}
	}
	c.metadata = append(c.metadata, metadataColumn{i, key})
	c.used = append(c.used, name)
	return nil
}
