package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// results are what the program has measured, by the names of the tables. They
// stand beside the document, so that it can be held against them.
type results map[string]measured

// resultsPath is where a document's results are: performance.json.
func resultsPath(document string) string { return strings.TrimSuffix(document, ".md") + ".json" }

func readResults(document string) (results, error) {
	all := results{}
	text, err := os.ReadFile(resultsPath(document))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}

// write puts a table's figures into the results and the document.
func write(document, name string, m measured) error {
	all, err := readResults(document)
	if err != nil {
		return err
	}
	all[name] = m
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(resultsPath(document), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return rewrite(document)
}

// rewrite puts all results into the document.
func rewrite(document string) error {
	all, err := readResults(document)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	filled, err := all.fill(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, []byte(filled), 0o644)
}

// marks are the lines between which a table stands.
func marks(name string) (begin, end string) {
	return "<!-- go run ./bench " + name + " -->\n", "<!-- end of " + name + " -->\n"
}

// fill replaces what stands between the marks of each table that was measured.
func (all results) fill(document string) (string, error) {
	for _, t := range tables() {
		m, ok := all[t.name]
		if !ok {
			continue
		}
		begin, end := marks(t.name)
		before, rest, ok1 := strings.Cut(document, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			return "", fmt.Errorf("table %s has no place: it needs the lines\n%s%s", t.name, begin, end)
		}
		document = before + begin + m.markdown(t) + end + after
	}
	return document, nil
}
