package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drawing is the one file that writes escape codes: it knows where they are
// wanted. So no command has any in a pipe, or with NO_COLOR.
const drawing = "internal/cli/screen.go"

func TestEscapeCodesAreWrittenInOneFileThatAsksFirst(t *testing.T) {
	found := 0
	for _, dir := range []string{"../../cmd", "../../internal"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			switch {
			case err != nil || !writesEscapes(string(text)):
			case strings.HasSuffix(filepath.ToSlash(path), drawing):
				found++
			default:
				t.Errorf("%s has an escape code: draw with cli.Screen or cli.Progress", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found != 1 {
		t.Errorf("%s has none any more: this test looks for the wrong thing", drawing)
	}
}

// writesEscapes finds the character in the forms that Go has for it.
func writesEscapes(source string) bool {
	for _, form := range []string{`\x1b`, `\x1B`, `\033`, `\u001b`, `\u001B`, "\x1b"} {
		if strings.Contains(source, form) {
			return true
		}
	}
	return false
}
