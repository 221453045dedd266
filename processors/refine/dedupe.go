package main

import (
	"encoding/binary"
	"time"

	"github.com/dchest/siphash"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/processors/internal/stream"
)

// An event's fingerprint is a keyed 64-bit hash of its type, source and id; with
// it the state keeps the hour of receipt and a hash of the content. Two ids meet
// in one fingerprint once in many years, and nobody who does not know the
// partition's key can make them.
const spaceFingerprint = 'f'

// first notes the event's fingerprint. It says Duplicate when the same event was
// received within the window, and refuses another event under the same id. The
// verdict depends on receipt times only, so raw records that are read again get
// the same ones.
func (r *rule) first(tx *stream.Tx, e *event.Envelope, body []byte, received time.Time) stream.Verdict {
	k := fingerprintKey(tx, e.Type, e.Source, e.ID)
	k0, k1 := hashKey(tx)
	var scratch [512]byte
	buf := contentOf(scratch[:0], e, body)
	content := siphash.Hash(k0, k1, buf)
	bucket := hourOf(received)
	if seen := tx.Get(k); seen != nil {
		seenBucket, seenContent := decodeSeen(seen)
		switch {
		case bucket-seenBucket > int64(r.window/time.Hour):
			// The id may be used again.
		case seenContent == content:
			return stream.Duplicate
		default:
			return stream.DeadLetter(stream.IDCollision, "id %q of %s from %s was received before, with other content", e.ID, e.Type, e.Source)
		}
	}
	tx.Put(k, encodeSeen(bucket, content))
	return stream.Applied
}

// contentOf is what makes two events with one id the same: what the sender said,
// not when or how it reached us. An event without a time of its own has another
// receipt time when it is sent again.
func contentOf(buf []byte, e *event.Envelope, body []byte) []byte {
	sent := e.Time
	if !e.OriginalTime.IsZero() {
		sent = e.OriginalTime
	}
	buf = appendPart(appendPart(buf, e.Type), e.Subject)
	if !e.Untimed {
		buf = binary.BigEndian.AppendUint64(buf, uint64(sent.UnixNano())) //nolint:gosec // kept bit by bit
	}
	return append(buf, body...)
}

// appendPart writes a part after its length, so that parts do not run together.
func appendPart(buf []byte, part string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(part))), part...)
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

const seenBytes = 12

func encodeSeen(bucket int64, content uint64) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, seenBytes), uint32(bucket)) //nolint:gosec // hours since 1970
	return binary.BigEndian.AppendUint64(b, content)
}

func decodeSeen(b []byte) (bucket int64, content uint64) {
	return int64(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint64(b[4:])
}

// Due is when a fingerprint's hour has left the window. One hour more leaves
// room for records whose receipt the clock has passed.
func (r *rule) Due(_, value []byte) (time.Time, bool) {
	bucket, _ := decodeSeen(value)
	return time.Unix((bucket+1)*3600, 0).Add(r.window + time.Hour), true
}

// Wake forgets a fingerprint.
func (r *rule) Wake(tx *stream.Tx, k, _ []byte) { tx.Delete(k) }
