package stream

import (
	"time"
)

// The first byte of a stored key says whose it is. Spaces that are part of the
// changelog have the same key there.
const (
	spaceLocal   = 0 // about this directory; never in the changelog
	spaceRule    = 1 // the rule's state
	spaceRuntime = 2 // the runtime's own state
	spaceNext    = 4 // the rule's state in its next version, while it is migrated
	spaceDue     = 3 // index of what wants to be woken when; derived, never in the changelog
)

// Keys of the runtime's own state, after their space.
const (
	keyMeta         = "m" // what the state was made with
	keyLedger       = "l" // + minute of receipt: that minute's counts
	keyImportLedger = "i" // + import id: that import's counts
	keyParked       = "p" // + stored key: a timer that is set aside
)

var localMetaKey = []byte{spaceLocal, 'm'}

func ruleKey(dst, key []byte) []byte {
	return append(append(dst[:0], spaceRule), key...)
}

func runtimeKey(kind, rest string) string {
	return string([]byte{spaceRuntime}) + kind + rest
}

// orderedMillis maps times, those before 1970 too, to numbers that sort like them.
func orderedMillis(t time.Time) uint64 {
	return uint64(t.UnixMilli()) ^ 1<<63 //nolint:gosec // the sign bit is flipped on purpose
}

func timeOfOrdered(n uint64) time.Time {
	return time.UnixMilli(int64(n ^ 1<<63)).UTC() //nolint:gosec // the reverse of orderedMillis
}
