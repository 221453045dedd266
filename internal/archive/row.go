package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Row is one processed event as the archive keeps it. Times are milliseconds since
// 1970 in UTC, in columns of Parquet's TIMESTAMP type.
type Row struct {
	Type          string  `parquet:"type,dict"`
	Source        string  `parquet:"source,dict"`
	ID            string  `parquet:"id"`
	Customer      string  `parquet:"customer"`              // or the anonymous id where nobody is known
	Subject       *string `parquet:"subject,optional"`      // the customer as the sender named it
	AnonymousID   *string `parquet:"anonymous_id,optional"` // the device or browser
	Time          int64   `parquet:"time,timestamp(millisecond),delta"`
	ReceivedTime  int64   `parquet:"received_time,timestamp(millisecond),delta"`
	OriginalTime  *int64  `parquet:"original_time,timestamp(millisecond),optional"` // as sent, where it had to be clamped
	Untimed       bool    `parquet:"untimed"`                                       // the sender gave no time
	ImportID      *string `parquet:"import_id,optional,dict"`
	RevenueMicros *int64  `parquet:"revenue_micros,optional"`
	SchemaID      int32   `parquet:"schema_id,dict"`
	Data          string  `parquet:"data"`               // JSON, as schema_id renders it
	Undecoded     []byte  `parquet:"undecoded,optional"` // the record's value, where it cannot be read; then Data is empty
	Partition     int32   `parquet:"partition"`          // of the processed topic, and its
	Offset        int64   `parquet:"offset,delta"`       // offset
}

// At is when the event happened.
func (r Row) At() time.Time { return time.UnixMilli(r.Time).UTC() }

// pageBytes is the buffer of each column: an hour of few events must not cost the
// memory of one with many.
func pageBytes(rows int) int { return min(max(rows*64, 2<<10), parquet.DefaultPageBufferSize) }

// encode writes rows as one Parquet file.
func encode(rows []Row) ([]byte, error) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[Row](&b, parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(pageBytes(len(rows))))
	if _, err := w.Write(rows); err != nil {
		return nil, fmt.Errorf("write Parquet: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write Parquet: %w", err)
	}
	return b.Bytes(), nil
}

// decode reads what [encode] wrote. A file that is cut short or damaged is an
// error, never a panic.
func decode(file []byte) (rows []Row, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			rows, err = nil, fmt.Errorf("read Parquet: %v", cause)
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("read Parquet: %w", err)
	}
	r := parquet.NewGenericReader[Row](f)
	defer r.Close()
	rows = make([]Row, r.NumRows())
	n, err := r.Read(rows)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read Parquet: %w", err)
	}
	if n != len(rows) {
		return nil, fmt.Errorf("read Parquet: %d of %d rows are there", n, len(rows))
	}
	return rows, nil
}
