package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A secret's file is a line; what is larger is not one.
const largestSecret = 4096

func (n node) secrets() []Secret {
	var all []Secret
	for item := range n.items() {
		s := item.secret()
		if slices.ContainsFunc(all, func(o Secret) bool { return !s.IsZero() && o.Reveal() == s.Reveal() }) {
			item.fail("is the same secret as another one of the list; keep one")
		}
		all = append(all, s)
	}
	if len(all) > 2 {
		n.fail("a client has at most two secrets, and two only while they are rotated; keep the ones in use")
	}
	return all
}

// origin reads one of  file: PATH  and  env: NAME.
func (n node) origin() (path, env string, ok bool) {
	before := len(n.f.problems)
	n.fields([]field{{"file", value(&path, parseText)}, {"env", value(&env, parseText)}})
	if len(n.f.problems) > before {
		return "", "", false
	}
	if (path == "") == (env == "") {
		n.fail("write one of  file: PATH  and  env: NAME; the secret itself does not belong into this file")
		return "", "", false
	}
	return path, env, true
}

// secret reads a client's secret.
func (n node) secret() Secret {
	path, env, ok := n.origin()
	if !ok || !n.f.clientSecrets {
		return Secret{}
	}
	text, err := n.f.secretFrom(path, env)
	if err == nil {
		err = checkSecret(text)
	}
	if err != nil {
		n.fail("%s", err)
		return Secret{}
	}
	return NewSecret(text)
}

func (f *file) secretFrom(path, env string) (string, error) {
	if path != "" {
		return f.readSecret(path)
	}
	if s := f.getenv(env); s != "" {
		return s, nil
	}
	return "", fmt.Errorf("the environment variable %s is not set; set it, or name a file", env)
}

func (f *file) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.dir, path)
}

// readSecret reads a secret's file, beside the configuration unless the path is
// absolute. Its mode is not judged: Docker and Kubernetes mount secrets readable
// for everybody inside the container, and a warning that is always there
// is not read.
func (f *file) readSecret(path string) (string, error) {
	path = f.beside(path)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the secret cannot be read: %w", err)
	}
	s := strings.TrimRight(string(text), "\r\n")
	if s == "" || len(s) > largestSecret || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%s must hold the secret as its only line", path)
	}
	return s, nil
}
