package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// DefaultPath is read when neither --config nor REKEY_CONFIG names a file.
const DefaultPath = "rekey.yaml"

// SystemPath is read when there is no file at [DefaultPath] either. Packages put
// theirs there, so that a command at a prompt reads what the unit reads.
const SystemPath = "/etc/rekey/rekey.yaml"

// ErrNone says that there is no configuration. What to do about it depends on
// the name by which the programs are installed, which is not known here.
type ErrNone struct {
	// Paths are where it was looked for.
	Paths []string
	// Empty is set where there is a file, and nothing in it.
	Empty bool
}

// Error implements error.
func (e ErrNone) Error() string {
	if e.Empty {
		return e.Paths[0] + " is empty"
	}
	return "there is no " + strings.Join(e.Paths, " and no ")
}

// places returns where the file may be, the first that is there being read. A
// file that was named is nowhere else.
func places(path string, getenv func(string) string) []string {
	if named := firstOf(path, getenv("REKEY_CONFIG")); named != "" {
		return []string{named}
	}
	if runtime.GOOS == "windows" { // where everybody may write to \etc
		return []string{DefaultPath}
	}
	return []string{DefaultPath, SystemPath}
}

// find reads the first file that is there. One that is there and cannot be read
// is an error: the next one may say something else.
func find(paths []string) (path string, text []byte, err error) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil {
			return path, text, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fmt.Errorf("the configuration cannot be read: %w", err)
		}
	}
	return "", nil, ErrNone{Paths: paths}
}
