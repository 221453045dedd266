package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// attributeNames are the short names of RFC 2253, which are all that Java writes;
// every other attribute stands as its number and its encoding in hexadecimal.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}

// principalOf is the principal that brokers with these ssl.principal.mapping.rules
// make of a certificate, given as PEM text.
func principalOf(certificate, rules string) (string, error) {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil || block.Type != "CERTIFICATE" {
		return "", errors.New("the text holds no PEM certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("parse the certificate: %w", err)
	}
	name, err := distinguishedName(parsed.RawSubject)
	if err != nil {
		return "", fmt.Errorf("parse the certificate's subject: %w", err)
	}
	mapped, err := mapPrincipal(name, rules)
	return "User:" + mapped, err
}

// distinguishedName writes a subject as Java and so Kafka does. The standard
// library knows other short names and escapes less.
func distinguishedName(raw []byte) (string, error) {
	var sequence pkix.RDNSequence
	var rdns []asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &rdns); err != nil {
		return "", err
	}
	if _, err := asn1.Unmarshal(raw, &sequence); err != nil {
		return "", err
	}
	names := make([]string, len(rdns))
	for i, rdn := range rdns {
		var set []struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if _, err := asn1.UnmarshalWithParams(rdn.FullBytes, &set, "set"); err != nil {
			return "", err
		}
		parts := make([]string, len(set))
		for j, attribute := range set {
			value, _ := sequence[i][j].Value.(string)
			parts[j] = attributeText(attribute.Type, value, attribute.Value.FullBytes)
		}
		names[len(rdns)-1-i] = strings.Join(parts, "+") // the last comes first
	}
	return strings.Join(names, ","), nil
}

func attributeText(oid asn1.ObjectIdentifier, value string, encoded []byte) string {
	name, ok := attributeNames[oid.String()]
	if !ok {
		return oid.String() + "=#" + hex.EncodeToString(encoded)
	}
	var text strings.Builder
	for i, r := range value {
		atEnd := i == 0 || i+utf8.RuneLen(r) == len(value)
		if strings.ContainsRune(`,=+<>#;"\`, r) || (r == ' ' && atEnd) {
			text.WriteByte('\\')
		}
		text.WriteRune(r)
	}
	return name + "=" + text.String()
}

// principalRule is one of the rules, in their order.
type principalRule struct {
	pattern     *regexp.Regexp // nil for DEFAULT
	replacement string
	letters     string // L, U, or empty to keep them
}

// ruleForm is a rule at the beginning of a list.
var ruleForm = regexp.MustCompile(`^\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)/((?:\\.|[^\\/])*)/([LU]?))\s*(?:,\s*|$)`)

func parsePrincipalRules(text string) ([]principalRule, error) {
	var rules []principalRule
	for rest := strings.TrimSpace(text); rest != ""; {
		found := ruleForm.FindStringSubmatch(rest)
		if found == nil {
			return nil, fmt.Errorf("parse the mapping rules at %q: a rule is DEFAULT or RULE:pattern/replacement/, with L or U after it for lower or upper case", rest)
		}
		rule := principalRule{replacement: found[3], letters: found[4]}
		if found[1] == "" {
			pattern, err := regexp.Compile(found[2])
			if err != nil {
				return nil, fmt.Errorf("parse the pattern %q: %w. Kafka may take it, being Java; it cannot be evaluated here", found[2], err)
			}
			if pattern.MatchString("") && !strings.HasPrefix(found[2], "^") {
				return nil, fmt.Errorf("the pattern %q matches nothing at all too, so Kafka writes the replacement twice: begin it with ^", found[2])
			}
			rule.pattern = pattern
		}
		rules = append(rules, rule)
		rest = rest[len(found[0]):]
	}
	if len(rules) == 0 {
		rules = []principalRule{{}}
	}
	return rules, nil
}

// mapPrincipal applies the first rule whose pattern matches the whole name.
func mapPrincipal(name, text string) (string, error) {
	rules, err := parsePrincipalRules(text)
	if err != nil {
		return "", err
	}
	for _, rule := range rules {
		if mapped, ok := rule.apply(name); ok {
			return mapped, nil
		}
	}
	return "", fmt.Errorf("no rule applies to %q, so brokers refuse the certificate: add DEFAULT as the last rule, or a rule for it", name)
}

func (r principalRule) apply(name string) (string, bool) {
	if r.pattern == nil {
		return name, true
	}
	whole := regexp.MustCompile(`^(?:` + r.pattern.String() + `)$`)
	if !whole.MatchString(name) {
		return "", false
	}
	var mapped strings.Builder
	end := 0
	for _, at := range r.pattern.FindAllStringSubmatchIndex(name, -1) {
		mapped.WriteString(name[end:at[0]])
		mapped.WriteString(r.expand(name, at))
		end = at[1]
	}
	mapped.WriteString(name[end:])
	switch r.letters {
	case "L":
		return strings.ToLower(mapped.String()), true
	case "U":
		return strings.ToUpper(mapped.String()), true
	}
	return mapped.String(), true
}

// expand fills groups into the replacement: $1 is the first. A number that no
// group has stays as it is, and a backslash takes the next character as it is.
func (r principalRule) expand(name string, at []int) string {
	var text strings.Builder
	for i := 0; i < len(r.replacement); i++ {
		c := r.replacement[i]
		switch {
		case c == '\\' && i+1 < len(r.replacement):
			i++
			text.WriteByte(r.replacement[i])
		case c == '$':
			group, digits := groupNumber(r.replacement[i+1:], len(at)/2-1)
			if digits == 0 {
				text.WriteByte(c)
				continue
			}
			if at[2*group] >= 0 {
				text.WriteString(name[at[2*group]:at[2*group+1]])
			}
			i += digits
		default:
			text.WriteByte(c)
		}
	}
	return text.String()
}

// groupNumber reads the longest number of a group that there is.
func groupNumber(text string, groups int) (group, digits int) {
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		next := 10*group + int(text[digits]-'0')
		if next > groups {
			break
		}
		group = next
		digits++
	}
	return group, digits
}
