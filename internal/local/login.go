package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"headwater.internal/platform/internal/kafka"
)

// credentialFile is what the principal logs in with at this moment. Programs that
// live on follow it when the password is turned.
func (p Place) credentialFile(principal string) string {
	return p.Path("credentials", principal)
}

// ensureCredential makes the principal's credential file, unless there is one.
func (p Place) ensureCredential(principal, password string) error {
	_, err := os.Stat(p.credentialFile(principal))
	if errors.Is(err, fs.ErrNotExist) {
		return p.writeCredential(principal, kafka.ScramSHA512, password)
	}
	return err
}

// writeCredential replaces the file whole.
func (p Place) writeCredential(principal, mechanism, password string) error {
	path := p.credentialFile(principal)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the credential of %s: %w", principal, err)
	}
	if err := os.WriteFile(path+".new", []byte(mechanism+"\n"+password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the credential of %s: %w", principal, err)
	}
	return os.Rename(path+".new", path)
}

// login is how the principal logs in: as its credential file says, else with the
// password.
func (p Place) login(principal, password string) kafka.SASL {
	if _, err := os.Stat(p.credentialFile(principal)); err == nil {
		return kafka.SASL{Username: principal, File: p.credentialFile(principal)}
	}
	return kafka.SASL{Mechanism: kafka.ScramSHA512, Username: principal, Password: password}
}

// LoginEnvironment is what a program that lives on logs in with as the principal,
// as variables of [kafka.FromEnvironment].
func (p Place) LoginEnvironment(principal, password string) map[string]string {
	login := p.login(principal, password)
	if login.File != "" {
		return map[string]string{kafka.EnvSASLUsername: principal, kafka.EnvSASLFile: login.File}
	}
	return map[string]string{kafka.EnvSASLUsername: principal, kafka.EnvSASLPassword: login.Password}
}

// Login is what the principal logs in with at this moment, for programs that know
// no credential files and do not live on.
func (p Place) Login(principal, password string) (kafka.SASL, error) {
	login := p.login(principal, password)
	if login.File == "" {
		return login, nil
	}
	var err error
	login.Mechanism, login.Password, err = kafka.ReadCredential(login.File)
	login.File = ""
	return login, err
}
