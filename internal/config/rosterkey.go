package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// RosterKey is a key of roster_keys, and where it came from.
type RosterKey struct {
	// Path is the file that holds it, or Env the variable.
	Path, Env string
	// Secret is the key itself, 32 bytes.
	Secret Secret
}

const rosterKeyBytes = 32

// KeySecrets are the roster keys as they are used, in the order of the file.
func (c *Config) KeySecrets() [][]byte {
	all := make([][]byte, len(c.RosterKeys))
	for i, k := range c.RosterKeys {
		all[i] = []byte(k.Secret.Reveal())
	}
	return all
}

func (n node) rosterKeys(c *Config) {
	for item := range n.items() {
		k, err := item.rosterKey()
		if err == nil && slices.ContainsFunc(c.RosterKeys, func(o RosterKey) bool { return o.Secret.Reveal() == k.Secret.Reveal() }) {
			err = errors.New("is the same key as another one of the list; keep one")
		}
		switch {
		case err == nil && !k.Secret.IsZero():
			c.RosterKeys = append(c.RosterKeys, k)
		case err != nil && n.f.clientSecrets:
			item.fail("%s", err)
		case err != nil:
			c.KeysUnread = errors.Join(c.KeysUnread, &Problem{n.f.name, item.Line, item.path, err.Error()})
		}
	}
}

// rosterKey reads one key; there is none, and no error, where a problem was noted.
func (n node) rosterKey() (RosterKey, error) {
	path, env, ok := n.origin()
	if !ok {
		return RosterKey{}, nil
	}
	text, err := n.f.secretFrom(path, env)
	if err != nil {
		return RosterKey{}, err
	}
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(secret) != rosterKeyBytes {
		return RosterKey{}, fmt.Errorf("what it holds cannot be a roster key: that is %d random bytes in base64; make one with  head -c %d /dev/urandom | base64", rosterKeyBytes, rosterKeyBytes)
	}
	k := RosterKey{Env: env, Secret: NewSecret(string(secret))}
	if path != "" {
		k.Path = n.f.beside(path)
	}
	return k, nil
}
