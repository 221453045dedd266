package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// Stream is one partition of one topic.
type Stream struct {
	TopicID   string // Kafka's id of the topic, 32 hexadecimal digits
	Partition int32
}

func (s Stream) folder() string { return fmt.Sprintf("%s/p%04d/", s.TopicID, s.Partition) }

func (s Stream) commitKey(first int64) string {
	return fmt.Sprintf("commits/%s%020d.json", s.folder(), first)
}

// headKey holds a copy of a commit near the last one.
func (s Stream) headKey() string {
	return fmt.Sprintf("heads/%s/p%04d.json", s.TopicID, s.Partition)
}

// intentKey differs for each extent that a writer tries: a later try must not hide
// the files of an earlier one.
func (s Stream) intentKey(first, next int64, writer string) string {
	return fmt.Sprintf("intents/%s%020d-%020d-%s.json", s.folder(), first, next, writer)
}

// fileKey is where the rows of one hour of a batch lie.
func (s Stream) fileKey(hour time.Time, first, last int64) string {
	return fmt.Sprintf("%s%s-p%04d-%020d-%020d.parquet", hourFolder(hour), s.TopicID, s.Partition, first, last)
}

func dayFolder(t time.Time) string { return t.UTC().Format("events/date=2006-01-02/") }

func hourFolder(t time.Time) string { return t.UTC().Format("events/date=2006-01-02/hour=15/") }

// parseFileKey reads the batch off a file's name.
func parseFileKey(key string) (s Stream, first int64, ok bool) {
	name, ok := strings.CutSuffix(path.Base(key), ".parquet")
	parts := strings.Split(name, "-")
	if !ok || len(parts) != 4 || !strings.HasPrefix(parts[1], "p") {
		return s, 0, false
	}
	number, numberErr := strconv.ParseInt(parts[1][1:], 10, 32)
	first, err := strconv.ParseInt(parts[2], 10, 64)
	return Stream{parts[0], int32(number)}, first, err == nil && numberErr == nil
}

// Commit says what became of a batch. It is written once and never changed.
type Commit struct {
	Topic     string    `json:"topic"`
	TopicID   string    `json:"topic_id"`
	Partition int32     `json:"partition"`
	First     int64     `json:"first"` // offset at which the batch begins
	Next      int64     `json:"next"`  // at which the one after it begins
	Rows      int       `json:"rows"`
	Written   time.Time `json:"written"`
	Files     []File    `json:"files"`
}

// File is one object of a batch.
type File struct {
	Key    string `json:"key"`
	Rows   int    `json:"rows"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// names says whether the commit counts the file.
func (c Commit) names(key string) (File, bool) {
	for _, f := range c.Files {
		if f.Key == key {
			return f, true
		}
	}
	return File{}, false
}

func readCommit(ctx context.Context, store Store, key string) (Commit, error) {
	var c Commit
	text, err := store.Get(ctx, key)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read %s: %w", key, err)
	}
	return c, nil
}
