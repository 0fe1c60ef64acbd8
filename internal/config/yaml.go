package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing that is wrong in the file.
type Problem struct {
	File string
	Line int // 0 where the fault is not in the file but in the environment
	Key  string
	Text string
}

// Error implements error: rekey.yaml:7: pools.prod.regoin: unknown key; ...
func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.Key + ": " + p.Text
	}
	if p.Key == "" {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Key, p.Text)
}

// file is a configuration that is being read.
type file struct {
	name, dir     string
	getenv        func(string) string
	clientSecrets bool
	problems      []*Problem
}

// node is a value in the file and the keys that lead to it. The nodes are
// walked here, and not decoded by the library, since its errors know neither
// the path of a key nor which keys there are.
type node struct {
	*yaml.Node
	path string
	f    *file
}

// fail notes what is wrong with n, and the reading goes on.
func (n node) fail(format string, args ...any) {
	n.f.problems = append(n.f.problems, &Problem{n.f.name, n.Line, n.path, fmt.Sprintf(format, args...)})
}

// err returns the problems in the order of the file.
func (f *file) err() error {
	slices.SortStableFunc(f.problems, func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	all := make([]error, len(f.problems))
	for i, p := range f.problems {
		all[i] = p
	}
	return errors.Join(all...)
}

// root returns the file's one document.
func (f *file) root(text []byte) (node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return node{}, ErrNone{Paths: []string{f.name}, Empty: true}
	} else if err != nil {
		return node{}, f.syntax(err)
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return node{}, &Problem{f.name, max(1, more.Line), "", "a second document begins here; everything must stand in one"}
	}
	return node{doc.Content[0], "", f}, nil
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): (.*)`)

func (f *file) syntax(err error) error {
	m := syntaxLine.FindStringSubmatch(err.Error())
	if m == nil {
		return &Problem{f.name, 1, "", "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	line, _ := strconv.Atoi(m[1])
	return &Problem{f.name, line, "", "is not YAML: " + m[2]}
}

// field is a key that is understood, and what reads its value.
type field struct {
	key  string
	read func(node)
}

// fields reads a mapping whose keys are all known.
func (n node) fields(known []field) {
	for key, value := range n.entries() {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == key })
		if i < 0 {
			value.fail("unknown key; known keys: %s", keysOf(known))
			continue
		}
		known[i].read(value)
	}
}

func keysOf(known []field) string {
	keys := make([]string, len(known))
	for i, f := range known {
		keys[i] = f.key
	}
	return strings.Join(keys, ", ")
}

// entries ranges over a mapping in the file's order. An entry's line is that
// of its key.
func (n node) entries() func(yield func(string, node) bool) {
	return func(yield func(string, node) bool) {
		m := n.resolve()
		if m.Kind != yaml.MappingNode {
			n.fail("must be keys and values, not %s", kindOf(m))
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(m.Content); i += 2 {
			key, value := m.Content[i], *m.Content[i+1]
			value.Line = key.Line
			entry := node{&value, join(n.path, key.Value), n.f}
			if seen[key.Value] {
				entry.fail("stands here for the second time; keep one")
				continue
			}
			seen[key.Value] = true
			if !yield(key.Value, entry) {
				return
			}
		}
	}
}

// child returns the value of a key, or n itself where there is none.
func (n node) child(key string) node {
	m := n.resolve()
	for i := 0; m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			value := *m.Content[i+1]
			value.Line = m.Content[i].Line
			return node{&value, join(n.path, key), n.f}
		}
	}
	return n
}

func (n node) has(key string) bool { return n.child(key).path != n.path }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// resolve follows an alias (*name) to what it stands for.
func (n node) resolve() *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n.Node
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Tag == "!!null":
		return "nothing"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	}
	return "a single value"
}

// items ranges over a list.
func (n node) items() func(yield func(node) bool) {
	return func(yield func(node) bool) {
		l := n.resolve()
		if l.Kind != yaml.SequenceNode {
			n.fail("must be a list, not %s; write [] for none", kindOf(l))
			return
		}
		for i, item := range l.Content {
			if !yield(node{item, fmt.Sprintf("%s[%d]", n.path, i), n.f}) {
				return
			}
		}
	}
}

// value returns what reads a single value into dst.
func value[T any](dst *T, parse func(string) (T, error)) func(node) {
	return func(n node) {
		v := n.resolve()
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			n.fail("must be a single value, not %s", kindOf(v))
			return
		}
		parsed, err := parse(v.Value)
		if err != nil {
			n.fail("%s", err)
			return
		}
		*dst = parsed
	}
}
