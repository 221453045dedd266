package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// deadLetterTopic holds what could not be processed, as it came.
const deadLetterTopic = "dead-letters"

type deadLettersCommand struct {
	List   deadLettersListCommand   `cmd:"" help:"List dead letters, the newest last."`
	Show   deadLettersShowCommand   `cmd:"" help:"Show one dead letter in full."`
	Resend deadLettersResendCommand `cmd:"" help:"Send dead letters again, as they came or mended."`
}

// Help is shown under headwater dead-letters --help.
func (c *deadLettersCommand) Help() string {
	return `A record that a processor cannot use goes to the topic dead-letters as it came, with its class, the reason and where it stood; the processor goes on.

Classes:
  bad_envelope    CloudEvents headers are missing or malformed
  bad_schema_id   the value does not begin with a schema id
  unknown_schema  the registry does not know the schema id
  wrong_subject   the schema belongs to another event
  bad_payload     the value does not decode with its schema
  unknown_type    the catalogue does not know the event type
  id_collision    another event with this id and other content came before
  rule_error      the processor's rule refused it
  skipped         an operator took it off the processor with headwater skip

Examples:
  headwater dead-letters list --class unknown_schema --since 24h
  headwater dead-letters show 3/17
  headwater dead-letters resend 3/17
  headwater dead-letters resend --all --class unknown_schema --dry-run
  headwater dead-letters resend 3/17 --data @mended.json`
}

// letterClasses are the classes that processors/internal/stream gives.
const letterClasses = "bad_envelope,bad_schema_id,unknown_schema,wrong_subject,bad_payload,unknown_type,id_collision,rule_error,skipped"

// letterFilter chooses dead letters.
type letterFilter struct {
	Class string        `enum:"${classes}," default:"" placeholder:"CLASS" help:"Only of this class (headwater dead-letters --help lists them)."`
	Topic string        `placeholder:"TOPIC" help:"Only those that came from this topic."`
	Type  string        `placeholder:"TYPE" help:"Only of this event type."`
	Since time.Duration `placeholder:"D" help:"Only of the last D, such as 24h."`
}

// deadLetter is a record of the topic with what its headers say.
type deadLetter struct {
	Position  string    `json:"position"` // partition/offset on dead-letters
	Class     string    `json:"class"`
	Stage     string    `json:"stage"`
	Reason    string    `json:"reason"`
	Topic     string    `json:"topic"` // where it came from, with partition and offset
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	Customer  string    `json:"customer"`
	Time      time.Time `json:"time"` // when it became a dead letter

	record *kgo.Record
}

func parseDeadLetter(r *kgo.Record) deadLetter {
	l := deadLetter{
		Position: fmt.Sprintf("%d/%d", r.Partition, r.Offset), Partition: -1, Offset: -1,
		Time: r.Timestamp.UTC(), record: r,
	}
	for _, h := range r.Headers {
		v := string(h.Value)
		switch h.Key {
		case "dl_class":
			l.Class = v
		case "dl_stage":
			l.Stage = v
		case "dl_reason":
			l.Reason = v
		case "dl_topic":
			l.Topic = v
		case "dl_partition":
			if n, err := strconv.ParseInt(v, 10, 32); err == nil {
				l.Partition = int32(n)
			}
		case "dl_offset":
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				l.Offset = n
			}
		case event.HeaderType:
			l.Type = v
		case event.HeaderID:
			l.ID = v
		case event.HeaderSubject:
			l.Customer = v
		}
	}
	return l
}

func (f letterFilter) wants(l deadLetter) bool {
	return (f.Class == "" || f.Class == l.Class) &&
		(f.Topic == "" || f.Topic == l.Topic) &&
		(f.Type == "" || f.Type == l.Type) &&
		(f.Since == 0 || time.Since(l.Time) <= f.Since)
}

// eachDeadLetter hands over the dead letters that there are now.
func eachDeadLetter(ctx context.Context, place placeFlags, filter letterFilter, use func(deadLetter) error) error {
	brokers, err := place.brokers()
	if err != nil {
		return err
	}
	f, err := follow(ctx, brokers, deadLetterTopic, true)
	if err != nil {
		return err
	}
	defer f.close()
	return f.drain(ctx, func(r *kgo.Record) error {
		if l := parseDeadLetter(r); filter.wants(l) {
			return use(l)
		}
		return nil
	})
}

type deadLettersListCommand struct {
	placeFlags
	letterFilter

	Limit int  `default:"50" help:"Only the newest N (default 50)."`
	JSON  bool `help:"Print one JSON object."`
}

// Run is the command.
func (c *deadLettersListCommand) Run(ctx context.Context) error {
	var newest []deadLetter
	classes := map[string]int64{}
	cut := func() {
		slices.SortStableFunc(newest, func(a, b deadLetter) int { return a.Time.Compare(b.Time) })
		newest = newest[max(0, len(newest)-c.Limit):]
	}
	err := eachDeadLetter(ctx, c.placeFlags, c.letterFilter, func(l deadLetter) error {
		classes[l.Class]++
		l.record = nil // its bytes are not listed
		if newest = append(newest, l); len(newest) >= 4*c.Limit+100 {
			cut()
		}
		return nil
	})
	if err != nil {
		return err
	}
	cut()
	if c.JSON {
		return printJSON(os.Stdout, struct {
			Classes map[string]int64 `json:"classes"`
			Letters []deadLetter     `json:"dead_letters"`
		}{classes, newest}, true)
	}
	return printLetters(os.Stdout, newest, classes)
}

func printLetters(w io.Writer, letters []deadLetter, classes map[string]int64) error {
	var total int64
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		total += classes[class]
		parts = append(parts, thousands(classes[class])+" "+class)
	}
	if total == 0 {
		_, err := fmt.Fprintln(w, "no dead letters")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "POSITION\tTIME\tCLASS\tSTAGE\tFROM\tTYPE\tCUSTOMER\tREASON")
	for _, l := range letters {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s/%d@%d\t%s\t%s\t%s\n", l.Position, l.Time.Format(time.DateTime), l.Class, l.Stage,
			l.Topic, l.Partition, l.Offset, orDash(l.Type), orDash(l.Customer), l.Reason)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %s shown: %s\n", len(letters), thousands(total), strings.Join(parts, ", "))
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type deadLettersShowCommand struct {
	placeFlags

	Position string `arg:"" help:"PARTITION/OFFSET, as list shows it."`
	JSON     bool   `help:"Print one JSON object."`
}

// Run is the command.
func (c *deadLettersShowCommand) Run(ctx context.Context) error {
	l, err := readDeadLetter(ctx, c.placeFlags, c.Position)
	if err != nil {
		return err
	}
	registry, err := c.registry()
	if err != nil {
		return err
	}
	d := decoder{registry}
	shown := d.record(ctx, l.record)
	if c.JSON {
		return printJSON(os.Stdout, shown, true)
	}
	fmt.Printf("position   %s on %s\nclass      %s\nstage      %s\nreason     %s\nfrom       %s, partition %d, offset %d\nbecame     %s\nkey        %s\n",
		l.Position, deadLetterTopic, l.Class, l.Stage, l.Reason, l.Topic, l.Partition, l.Offset, l.Time.Format(time.RFC3339Nano), l.record.Key)
	fmt.Println("headers")
	for _, name := range slices.Sorted(maps.Keys(shown.Headers)) {
		if !strings.HasPrefix(name, "dl_") {
			fmt.Printf("  %-18s %s\n", name, shown.Headers[name])
		}
	}
	switch shown.Encoding {
	case "base64":
		fmt.Printf("value      %d bytes that do not decode%s\n%s", len(l.record.Value), because(shown.Problem), hex.Dump(l.record.Value))
		return nil
	case "":
		fmt.Println("value      none (a tombstone)")
		return nil
	}
	fmt.Printf("value      %s\n", shown.Encoding)
	return printJSON(os.Stdout, shown.Value, true)
}

func because(problem string) string {
	if problem == "" {
		return ""
	}
	return ": " + problem
}

// readDeadLetter reads the record at PARTITION/OFFSET.
func readDeadLetter(ctx context.Context, place placeFlags, position string) (deadLetter, error) {
	partition, offset, err := parsePosition(position)
	if err != nil {
		return deadLetter{}, err
	}
	brokers, err := place.brokers()
	if err != nil {
		return deadLetter{}, err
	}
	f, err := follow(ctx, brokers, deadLetterTopic, false)
	if err != nil {
		return deadLetter{}, err
	}
	defer f.close()
	f.client.RemoveConsumePartitions(map[string][]int32{deadLetterTopic: f.partitions})
	if !slices.Contains(f.partitions, partition) {
		return deadLetter{}, fmt.Errorf("%s has no partition %d", deadLetterTopic, partition)
	}
	f.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{deadLetterTopic: {partition: kgo.NewOffset().At(offset)}})
	var found *kgo.Record
	err = f.poll(ctx, 5*time.Second, func(r *kgo.Record) error {
		if r.Partition == partition && r.Offset == offset {
			found = r
			return errEnough
		}
		return nil
	})
	if found != nil {
		return parseDeadLetter(found), nil
	}
	if err == nil || errors.Is(err, errEnough) {
		err = fmt.Errorf("there is no dead letter at %s: headwater dead-letters list shows those there are", position)
	}
	return deadLetter{}, err
}

func parsePosition(position string) (partition int32, offset int64, err error) {
	left, right, found := strings.Cut(position, "/")
	p, err1 := strconv.ParseInt(left, 10, 32)
	offset, err2 := strconv.ParseInt(right, 10, 64)
	if !found || err1 != nil || err2 != nil || p < 0 || offset < 0 {
		return 0, 0, fmt.Errorf("position %q: write PARTITION/OFFSET, such as 3/17", position)
	}
	return int32(p), offset, nil
}
