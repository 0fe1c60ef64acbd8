package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

//go:embed rekey.yaml.tmpl
var initText string

// InitText returns a commented rekey.yaml for one pool, named prod. It is what
// `worker init` writes, and it is valid as it stands.
func InitText(regionName, client string) (string, error) {
	if _, err := parseRegion(regionName); err != nil {
		return "", fmt.Errorf("--region: %w", err)
	}
	if _, err := parseClientID(client); err != nil {
		return "", fmt.Errorf("--client-id: %w", err)
	}
	return strings.NewReplacer("REGION", regionName, "CLIENT_ID", client).Replace(initText), nil
}

// WriteInit writes [InitText] to a new file at path. A file that is there is
// left as it is.
func WriteInit(path, regionName, client string) error {
	text, err := InitText(regionName, client)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is left as it is; name another one with --config", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
