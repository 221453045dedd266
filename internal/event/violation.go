package event

import "strings"

// Rule names what a violation breaks. Clients may switch on it.
type Rule = string

// The rules that [Schema.EncodeJSON] enforces.
const (
	RuleRequired   Rule = "required"             // a member without default is missing
	RuleType       Rule = "type"                 // a JSON value of another kind than the schema asks for
	RuleAdditional Rule = "additionalProperties" // a member the schema does not declare
	RuleEnum       Rule = "enum"                 // a string that is no symbol of the enum
	RuleRange      Rule = "range"                // a number or time that does not fit its type
	RuleFormat     Rule = "format"               // a string that does not parse as its logical type
	RuleLength     Rule = "length"               // bytes of another length than a fixed type has
	RuleDuplicate  Rule = "duplicate key"        // a member given twice
	RuleUTF8       Rule = "utf-8"                // bytes that are not UTF-8
	RuleJSON       Rule = "json"                 // not JSON at all
)

// Violation is one way in which JSON breaks its event's schema.
type Violation struct {
	Pointer string `json:"pointer"` // RFC 6901, into the value that was checked; "" is the whole
	Rule    Rule   `json:"rule"`
	Message string `json:"message"` // one sentence: what was expected, what was found
}

// String renders the violation for logs and error messages.
func (v Violation) String() string {
	return "at " + quotePointer(v.Pointer) + " (" + v.Rule + "): " + v.Message
}

func quotePointer(p string) string {
	if p == "" {
		return "the top"
	}
	return p
}

// AppendPointer adds one member name or array index to a JSON pointer.
func AppendPointer(pointer, token string) string {
	token = strings.ReplaceAll(token, "~", "~0")
	return pointer + "/" + strings.ReplaceAll(token, "/", "~1")
}
