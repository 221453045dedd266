package mapping

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// arithmetic says how a number is written in the file and what it is multiplied
// with. It is exact: dollars become micros without a rounding error.
type arithmetic struct {
	factor    *big.Rat // nil: 1
	round     bool     // to the nearest whole number, halves away from zero
	decimal   string   // decimal separator; "" is a point
	thousands string   // separator of thousands, dropped
}

// The exponent has two digits at most, so that a hostile number costs no memory.
var numberForm = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?$`)

func (d *document) factor(into *arithmetic, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		f, ok := new(big.Rat).SetString(n.Value)
		if !numberForm.MatchString(n.Value) || !ok {
			d.errorf(n, "%s must be a number", what)
			return
		}
		into.factor = f
	}
}

// convert reads text as an int (a whole number of 64 bits) or a number.
func (a arithmetic) convert(path, kind, text string) (jsontext.Value, error) {
	plain := strings.TrimSpace(text)
	if a.thousands != "" {
		plain = strings.ReplaceAll(plain, a.thousands, "")
	}
	if a.decimal != "" {
		plain = strings.Replace(plain, a.decimal, ".", 1)
	}
	if !numberForm.MatchString(plain) {
		return nil, refuse(path+": the value is no number", "%q", text)
	}
	if kind == "number" && a.factor == nil && plain != "-0" {
		if v := jsontext.Value(plain); v.IsValid() {
			return v, nil
		}
	}
	exact, ok := new(big.Rat).SetString(plain)
	if !ok {
		return nil, refuse(path+": the value is no number", "%q", text)
	}
	if a.factor != nil {
		exact.Mul(exact, a.factor)
	}
	if kind == "int" {
		return a.whole(path, exact, text)
	}
	f, _ := exact.Float64()
	return jsontext.Value(strconv.AppendFloat(nil, f, 'g', -1, 64)), nil
}

func (a arithmetic) whole(path string, exact *big.Rat, text string) (jsontext.Value, error) {
	if a.round && !exact.IsInt() {
		exact.SetString(exact.FloatString(0))
	}
	if !exact.IsInt() {
		return nil, refuse(path+": the value is no whole number (round: true would round it)", "%q", text)
	}
	if !exact.Num().IsInt64() {
		return nil, refuse(path+": the value does not fit 64 bits", "%q", text)
	}
	return jsontext.Value(exact.Num().String()), nil
}
