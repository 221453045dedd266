package event

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const textSchema = `{"type":"record","name":"T","fields":[
	{"name":"a","type":"string"},{"name":"b","type":["null","string"]},{"name":"c","type":{"type":"array","items":"string"}},
	{"name":"d","type":{"type":"map","values":"long"}},{"name":"e","type":"bytes"},{"name":"f","type":"double"},
	{"name":"g","type":{"type":"fixed","name":"F","size":2}},{"name":"h","type":{"type":"enum","name":"E","symbols":["X","Y"]}},
	{"name":"i","type":"boolean"},{"name":"j","type":"float"},{"name":"k","type":"string"}]}`

// CheckText finds every string that is not UTF-8, wherever it stands, and
// nothing else: bytes and numbers may be what they like.
func TestCheckTextFindsWhatIsNoText(t *testing.T) {
	t.Parallel()
	schema, err := CompileSchema(1, textSchema)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		good := true
		text := func(label string) string {
			s := string(rapid.SliceOfN(rapid.SampledFrom([]byte("a\xc3\xa9\xff")), 0, 4).Draw(t, label))
			good = good && utf8.ValidString(s)
			return s
		}
		v := map[string]any{
			"a": text("a"), "b": nil, "c": []string{text("c1"), text("c2")}, "d": map[string]int64{text("d"): -3_000_000},
			"e": []byte{0xff, 0xc3}, "f": -1.5, "g": []byte{0xff, 0xfe}, "h": "Y", "i": true, "j": float32(-2), "k": text("k"),
		}
		if rapid.Bool().Draw(t, "b is set") {
			v["b"] = text("b")
		}
		value, err := schema.Encode(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.CheckText(value[prefixBytes:]); (err == nil) != good {
			t.Fatalf("CheckText of %q: %v, valid is %v", v, err, good)
		}
	})
}
