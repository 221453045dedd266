package identity

import "encoding/binary"

// AppendString writes a string that [Cursor.String] reads.
func AppendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendPath writes a path that [Cursor.Path] reads.
func AppendPath(b []byte, path []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(path)))
	for _, key := range path {
		b = AppendString(b, key)
	}
	return b
}

// Cursor reads a value of state from front to back. State is read as this build
// wrote it, so nothing is checked.
type Cursor []byte

// Int reads what binary.AppendVarint wrote.
func (c *Cursor) Int() int64 {
	v, n := binary.Varint(*c)
	*c = (*c)[n:]
	return v
}

// Len reads what binary.AppendUvarint wrote.
func (c *Cursor) Len() int {
	v, n := binary.Uvarint(*c)
	*c = (*c)[n:]
	return int(v) //nolint:gosec // the length of something in memory
}

// Byte reads one byte.
func (c *Cursor) Byte() byte {
	b := (*c)[0]
	*c = (*c)[1:]
	return b
}

// Bytes lends the next n bytes.
func (c *Cursor) Bytes(n int) []byte {
	b := (*c)[:n]
	*c = (*c)[n:]
	return b
}

// String reads what [AppendString] wrote.
func (c *Cursor) String() string { return string(c.Bytes(c.Len())) }

// Path reads what [AppendPath] wrote; nil for an empty one.
func (c *Cursor) Path() []string {
	n := c.Len()
	if n == 0 {
		return nil
	}
	path := make([]string, n)
	for i := range path {
		path[i] = c.String()
	}
	return path
}
