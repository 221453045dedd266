package main

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/dchest/siphash"

	"headwater.internal/platform/processors/internal/stream"
)

// seenState is what headwater state shows of an event's id.
type seenState struct {
	Seen      bool      `json:"seen"`
	Received  time.Time `json:"received"`  // to the hour
	Forgotten time.Time `json:"forgotten"` // when the id may be used again
}

// Read says whether an event was seen. The key is its type, source and id with
// blanks between; only the id may have some itself.
func (r *rule) Read(tx *stream.Tx, key string) (any, error) {
	parts := strings.SplitN(key, " ", 3)
	if len(parts) != 3 {
		return nil, errors.New(`write the event's type, source and id with blanks between: "checkout.order_placed web 42"`)
	}
	seen := tx.Get(fingerprintKey(tx, parts[0], parts[1], parts[2]))
	if seen == nil {
		return nil, nil
	}
	bucket, _ := decodeSeen(seen)
	received := time.Unix(bucket*3600, 0).UTC()
	return seenState{Seen: true, Received: received, Forgotten: received.Add(r.window + time.Hour)}, nil
}

// Spread says that an event's partition does not follow from its id.
func (*rule) Spread() bool { return true }

// fingerprintKey is where an event's fingerprint stands.
func fingerprintKey(tx *stream.Tx, kind, source, id string) []byte {
	k0, k1 := hashKey(tx)
	var scratch [512]byte
	buf := appendPart(appendPart(appendPart(scratch[:0], kind), source), id)
	return binary.BigEndian.AppendUint64([]byte{spaceFingerprint}, siphash.Hash(k0, k1, buf))
}

// hashKey is the partition's key for fingerprints.
func hashKey(tx *stream.Tx) (k0, k1 uint64) {
	secret := tx.Secret()
	return binary.LittleEndian.Uint64(secret[:8]), binary.LittleEndian.Uint64(secret[8:])
}
