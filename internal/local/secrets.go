package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Admin is the superuser's name.
const Admin = "admin"

// LocalWriteKey names the write key that the sample and the command line use.
const LocalWriteKey = "local"

// Secrets is what secrets.json holds. It is made once, at the first start, and
// readable by its owner only.
type Secrets struct {
	Admin           string            `json:"admin"`            // password of User:admin
	SupervisorToken string            `json:"supervisor_token"` // bearer token of the supervisor's API
	Principals      map[string]string `json:"principals"`       // password by team or processor
	WriteKeys       map[string]string `json:"write_keys"`       // write key of the collector by name
	Next            map[string]string `json:"next,omitempty"`   // passwords that a rotation which is under way brings, by principal
}

// secretsMu keeps two goroutines of one process from adding principals at once;
// between processes only the platform process and one command add any.
var secretsMu sync.Mutex

// EnsureSecrets reads secrets.json in dataDir, making what is missing from it:
// the file, the superuser, the token, the local write key and the principals
// named.
func EnsureSecrets(dataDir string, principals ...string) (Secrets, error) {
	secretsMu.Lock()
	defer secretsMu.Unlock()
	s, err := LoadSecrets(dataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Secrets{}, err
	}
	if s.Principals == nil {
		s.Principals = map[string]string{}
	}
	if s.WriteKeys == nil {
		s.WriteKeys = map[string]string{}
	}
	changed := fill(&s.Admin)
	changed = fill(&s.SupervisorToken) || changed
	changed = fillKey(s.WriteKeys, LocalWriteKey) || changed
	for _, p := range principals {
		changed = fillKey(s.Principals, p) || changed
	}
	if !changed {
		return s, nil
	}
	if err := writeJSON(filepath.Join(dataDir, "secrets.json"), s, 0o600); err != nil {
		return Secrets{}, fmt.Errorf("write secrets: %w", err)
	}
	return s, nil
}

// LoadSecrets reads secrets.json in dataDir. The error wraps [fs.ErrNotExist]
// when there is none.
func LoadSecrets(dataDir string) (Secrets, error) {
	var s Secrets
	text, err := os.ReadFile(filepath.Join(dataDir, "secrets.json"))
	if err != nil {
		return s, fmt.Errorf("read secrets: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read secrets: %w", err)
	}
	return s, nil
}

func fill(secret *string) bool {
	if *secret != "" {
		return false
	}
	*secret = rand.Text()
	return true
}

func fillKey(secrets map[string]string, name string) bool {
	if secrets[name] != "" {
		return false
	}
	secrets[name] = rand.Text()
	return true
}
