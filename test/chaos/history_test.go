package chaos

// history is what a compacted topic said of each key, as far as it matters: the
// latest value, and whether revisions only grew. A transaction that is applied
// twice, or a zombie that writes, repeats a revision.
type history[V any] struct {
	revision func(V) (n int64, final bool)

	keys       map[string]*entry[V]
	stale      int // records whose revision is not above the one before
	finalTwice int // of those, both final at one revision
	moved      int // records of a key that stood in another partition
	returned   int // keys that came back after their tombstone
}

type entry[V any] struct {
	partition int32
	value     V
	revision  int64
	final     bool
	gone      bool
}

func newHistory[V any](revision func(V) (int64, bool)) *history[V] {
	return &history[V]{revision: revision, keys: make(map[string]*entry[V])}
}

func (h *history[V]) set(partition int32, key string, v V) {
	n, final := h.revision(v)
	e := h.keys[key]
	if e == nil {
		h.keys[key] = &entry[V]{partition: partition, value: v, revision: n, final: final}
		return
	}
	if e.partition != partition {
		h.moved++
	}
	if e.gone {
		h.returned++
	}
	if n <= e.revision {
		h.stale++
		if n == e.revision && final && e.final {
			h.finalTwice++
		}
	}
	*e = entry[V]{partition: partition, value: v, revision: n, final: final}
}

func (h *history[V]) remove(partition int32, key string) {
	e := h.keys[key]
	if e == nil {
		// A session that began and was absorbed within one transaction.
		h.keys[key] = &entry[V]{partition: partition, gone: true}
		return
	}
	e.gone = true
}

// live are the keys' values that no tombstone has taken.
func (h *history[V]) live() map[string]V {
	values := make(map[string]V, len(h.keys))
	for key, e := range h.keys {
		if !e.gone {
			values[key] = e.value
		}
	}
	return values
}
