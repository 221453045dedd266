package stream

// cache keeps committed values that were read or written lately beside Pebble,
// in two generations: what is asked for is in the young one, and when that is
// full the old one is forgotten. It approximates the least recently used at the
// price of a map (as the 2Q lists of Johnson and Shasha, VLDB 1994, do).
type cache struct {
	young, old map[string][]byte
	bytes      int // of the young one
	limit      int // of both, in bytes
}

// cacheEntryBytes is about what an entry takes besides its key and value.
const cacheEntryBytes = 64

func newCache(limit int) cache {
	return cache{young: make(map[string][]byte), old: make(map[string][]byte), limit: limit}
}

// get returns the value, nil when it is not here.
func (c *cache) get(key []byte) []byte {
	if value, ok := c.young[string(key)]; ok {
		return value
	}
	value, ok := c.old[string(key)]
	if ok {
		c.put(string(key), value)
	}
	return value
}

func (c *cache) put(key string, value []byte) {
	if c.bytes > c.limit/2 {
		clear(c.old)
		c.young, c.old, c.bytes = c.old, c.young, 0
	}
	before, had := c.young[key]
	if !had {
		c.bytes += cacheEntryBytes + len(key)
	}
	c.bytes += len(value) - len(before)
	c.young[key] = value
}

func (c *cache) remove(key string) {
	if value, ok := c.young[key]; ok {
		c.bytes -= cacheEntryBytes + len(key) + len(value)
		delete(c.young, key)
	}
	delete(c.old, key)
}
