package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// stateVersion is the format of Terraform's states since 0.12.
const stateVersion = 4

// state is as much of a Terraform state as tells what it owns.
type state struct {
	Version   int             `json:"version"`
	Encrypted json.RawMessage `json:"encrypted_data"` // OpenTofu's
	Resources []struct {
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Instances []struct {
			Attributes json.RawMessage `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// OwnedByFiles is [Owned] by the states in the files. The error names the file.
func OwnedByFiles(paths []string) (Objects, error) {
	var owned Objects
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return Objects{}, fmt.Errorf("read the state: %w", err)
		}
		one, err := Owned(text)
		if err != nil {
			return Objects{}, fmt.Errorf("read the state %s: %w", path, err)
		}
		owned = Union(owned, one)
	}
	return owned, nil
}

// Owned reads out of a Terraform state, as terraform state pull writes it, what the
// provider's resources in it own. Empty text is a state that owns nothing: so is a
// root that was never applied.
func Owned(text []byte) (Objects, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return Objects{}, nil
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return Objects{}, fmt.Errorf("it is no Terraform state: %w: write it with terraform state pull", err)
	}
	switch {
	case len(s.Encrypted) > 0:
		return Objects{}, errors.New("it is encrypted: write it with tofu state pull, which decrypts it")
	case s.Version != stateVersion:
		return Objects{}, fmt.Errorf("it has version %d instead of %d: write it with terraform state pull", s.Version, stateVersion)
	}
	var owned Objects
	for _, r := range s.Resources {
		read := readers[r.Type]
		if r.Mode != "managed" || read == nil {
			continue
		}
		for _, instance := range r.Instances {
			if err := read(instance.Attributes, &owned); err != nil {
				return Objects{}, fmt.Errorf("read a %s: %w", r.Type, err)
			}
		}
	}
	owned.sort()
	return owned, nil
}

// Union is all that is in any of them, each once.
func Union(all ...Objects) Objects {
	var union Objects
	for _, o := range all {
		union.Topics, union.Subjects = append(union.Topics, o.Topics...), append(union.Subjects, o.Subjects...)
		union.ACLs, union.Quotas, union.Users = append(union.ACLs, o.ACLs...), append(union.Quotas, o.Quotas...), append(union.Users, o.Users...)
	}
	union.sort()
	return union
}

// readers read what one instance of a type owns.
var readers = map[string]func(json.RawMessage, *Objects) error{
	"headwater_topic":            readTopic,
	"headwater_acl":              readACL,
	"headwater_access":           readAccess,
	"headwater_schema_subject":   readSubject,
	"headwater_quota":            readQuota,
	"headwater_scram_credential": readUser,
}

func readTopic(text json.RawMessage, owned *Objects) error {
	var topic struct {
		Name string `json:"name"`
	}
	err := json.Unmarshal(text, &topic)
	owned.Topics = append(owned.Topics, topic.Name)
	return err
}

// aclAttributes are a headwater_acl, and with its own principal and host each
// element of a headwater_access.
type aclAttributes struct {
	ACL
	Operations []string `json:"operations"`
}

func (a aclAttributes) each() []ACL {
	var acls []ACL
	for _, operation := range a.Operations {
		acl := a.ACL
		acl.Operation = operation
		acls = append(acls, acl)
	}
	return acls
}

func readACL(text json.RawMessage, owned *Objects) error {
	var acl aclAttributes
	err := json.Unmarshal(text, &acl)
	owned.ACLs = append(owned.ACLs, acl.each()...)
	return err
}

func readAccess(text json.RawMessage, owned *Objects) error {
	var access struct {
		Principal string          `json:"principal"`
		Host      string          `json:"host"`
		ACLs      []aclAttributes `json:"acls"`
	}
	err := json.Unmarshal(text, &access)
	for _, acl := range access.ACLs {
		acl.Principal, acl.Host, acl.PermissionType = access.Principal, access.Host, "ALLOW"
		owned.ACLs = append(owned.ACLs, acl.each()...)
	}
	return err
}

func readSubject(text json.RawMessage, owned *Objects) error {
	var subject struct {
		Subject string `json:"subject"`
	}
	err := json.Unmarshal(text, &subject)
	owned.Subjects = append(owned.Subjects, subject.Subject)
	return err
}

// readQuota takes each attribute with a number for a limit: a quota has no other.
func readQuota(text json.RawMessage, owned *Objects) error {
	var quota struct {
		Entity Quota `json:"entity"`
	}
	var attributes map[string]any
	if err := errors.Join(json.Unmarshal(text, &quota), json.Unmarshal(text, &attributes)); err != nil {
		return err
	}
	for name, value := range attributes {
		if _, ok := value.(float64); ok {
			limit := quota.Entity
			limit.Limit = name
			owned.Quotas = append(owned.Quotas, limit)
		}
	}
	return nil
}

func readUser(text json.RawMessage, owned *Objects) error {
	var user User
	err := json.Unmarshal(text, &user)
	owned.Users = append(owned.Users, user)
	return err
}
