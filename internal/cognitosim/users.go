package cognitosim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/cases"
)

// Status is what decides whether a user can reset the password.
type Status string

// The statuses.
const (
	Confirmed   Status = "confirmed"
	Unconfirmed Status = "unconfirmed"
	Disabled    Status = "disabled"
	Unverified  Status = "unverified" // has neither a verified address nor a verified number
	ForceChange Status = "force_change_password"
)

// broken are the statuses that a share of the users gets, in turn.
var broken = [...]Status{Unconfirmed, Disabled, Unverified, ForceChange}

// The media.
const (
	Email = "EMAIL"
	SMS   = "SMS"
)

// User is one user of the pool.
type User struct {
	Username string
	// Status may be empty: then Users.Broken decides.
	Status Status
	// Medium is Email or SMS; empty means Email.
	Medium string
	// Email may be empty: then it is made from the username.
	Email string
}

// Users are the pool's users: the listed ones, and N generated ones named
// user000000, user000001, and so on.
type Users struct {
	N    int
	List []User
	// Broken is the share of users without a status of their own who cannot be
	// reset. Which ones follows from their place alone, so a run can be repeated.
	Broken float64
}

// All yields every user, the listed ones first.
func (u Users) All() iter.Seq[User] {
	return func(yield func(User) bool) {
		for i, user := range u.List {
			if !yield(u.complete(user, i)) {
				return
			}
		}
		for i := range u.N {
			if !yield(u.generated(i)) {
				return
			}
		}
	}
}

func (u Users) generated(i int) User {
	return u.complete(User{Username: fmt.Sprintf("user%06d", i)}, i)
}

// complete fills in what the user at place i does not say.
func (u Users) complete(user User, i int) User {
	if user.Status == "" {
		user.Status = u.statusAt(i)
	}
	if user.Medium == "" {
		user.Medium = Email
	}
	if user.Email == "" {
		user.Email = user.Username
		if !strings.Contains(user.Email, "@") {
			user.Email += "@example.com"
		}
	}
	return user
}

func (u Users) statusAt(i int) Status {
	if u.Broken <= 0 || chance(0, int64(i), saltBroken) >= u.Broken {
		return Confirmed
	}
	return broken[int(chance(0, int64(i), saltStatus)*float64(len(broken)))]
}

// WriteCSV writes the users as ReadUsers reads them.
func (u Users) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"username", "status", "medium", "email"}); err != nil {
		return err
	}
	for user := range u.All() {
		if err := out.Write([]string{user.Username, string(user.Status), user.Medium, user.Email}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// usernameColumns are looked for in this order, as rekey's enqueue does.
var usernameColumns = []string{"cognito:username", "username", "sub", "email", "phone_number"}

// ReadUsers reads a CSV with a header. It needs a column with usernames;
// status, medium and email are used where they are, other columns are not.
func ReadUsers(r io.Reader) ([]User, error) {
	in := csv.NewReader(skipMark(r))
	in.ReuseRecord = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first line must name the columns, one of them username")
	}
	if err != nil {
		return nil, err
	}
	columns, err := findColumns(slices.Clone(header))
	if err != nil {
		return nil, err
	}
	return columns.readAll(in)
}

// columns are places in a record; -1 where a file has no such column.
type columns struct{ username, status, medium, email int }

func findColumns(header []string) (columns, error) {
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(name))
	}
	at := func(name string) int { return slices.Index(header, name) }
	c := columns{username: -1, status: at("status"), medium: at("medium"), email: at("email")}
	for _, name := range usernameColumns {
		if c.username < 0 {
			c.username = at(name)
		}
	}
	if c.username < 0 {
		return c, fmt.Errorf("no column with usernames: name one of them %s", strings.Join(usernameColumns, ", "))
	}
	return c, nil
}

func (c columns) readAll(in *csv.Reader) ([]User, error) {
	var users []User
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return users, nil
		}
		if err != nil {
			return nil, err
		}
		user, err := c.user(record)
		if err != nil {
			at, _ := in.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", at, err)
		}
		users = append(users, user)
	}
}

func (c columns) user(record []string) (User, error) {
	get := func(i int) string {
		if i < 0 {
			return ""
		}
		return strings.Clone(record[i])
	}
	u := User{Username: get(c.username), Email: get(c.email),
		Status: Status(strings.ToLower(get(c.status))), Medium: strings.ToUpper(get(c.medium))}
	switch {
	case u.Username == "":
		return u, errors.New("no username")
	case u.Status != "" && u.Status != Confirmed && !slices.Contains(broken[:], u.Status):
		return u, fmt.Errorf("status %q is none; the statuses are confirmed, unconfirmed, disabled, unverified, force_change_password", u.Status)
	case u.Medium != "" && u.Medium != Email && u.Medium != SMS:
		return u, fmt.Errorf("medium %q is neither EMAIL nor SMS", u.Medium)
	}
	return u, nil
}

// directory finds users by name, as the pool compares names.
type directory struct {
	users     Users
	sensitive bool
	listed    map[string]int // the place in users.List
}

func newDirectory(u Users, sensitive bool) directory {
	d := directory{users: u, sensitive: sensitive, listed: make(map[string]int, len(u.List))}
	for i, user := range u.List {
		d.listed[d.fold(user.Username)] = i
	}
	return d
}

// fold returns the form in which names are compared.
func (d directory) fold(name string) string {
	if d.sensitive {
		return name
	}
	for i := range len(name) {
		if name[i] >= 0x80 {
			return cases.Fold().String(name)
		}
	}
	return strings.ToLower(name) // the same for ASCII, and cheap
}

func (d directory) same(a, b string) bool { return d.fold(a) == d.fold(b) }

// find looks a folded name up.
func (d directory) find(folded string) (User, bool) {
	if i, ok := d.listed[folded]; ok {
		return d.users.complete(d.users.List[i], i), true
	}
	digits, ok := strings.CutPrefix(folded, "user")
	if !ok {
		return User{}, false
	}
	i, err := strconv.Atoi(digits)
	if err != nil || i < 0 || i >= d.users.N || fmt.Sprintf("%06d", i) != digits {
		return User{}, false
	}
	return d.users.generated(i), true
}
