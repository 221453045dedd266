package main

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"headwater.internal/platform/internal/event"
)

// Media types of CloudEvents' HTTP binding.
const (
	mediaStructured = "application/cloudevents+json"
	mediaBatch      = "application/cloudevents-batch+json"
)

// headerImport names the import run that all events of a request belong to.
const headerImport = "X-Headwater-Import-Id"

// maxImportID bounds a name that the ledger keeps for each partition.
const maxImportID = 128

// cloudEvents answers POST /v1/events, in any of the three content modes.
func (g *gateway) cloudEvents(r *http.Request) (reply, error) {
	received := g.received()
	keyName, err := g.authorize(r, "")
	if err != nil {
		return reply{}, err
	}
	b := g.newBatch()
	defer b.close()
	body, err := readBody(r, &b.body)
	if err != nil {
		return reply{}, err
	}
	importID := r.Header.Get(headerImport)
	if len(importID) > maxImportID {
		return reply{}, problemf(http.StatusBadRequest, "import_id", "expected an %s of at most %d bytes, got %d", headerImport, maxImportID, len(importID))
	}
	if err := b.readCloudEvents(r, body); err != nil {
		return reply{}, err
	}
	trace := r.Header.Get("traceparent")
	for i := range b.events {
		e := &b.events[i].envelope
		e.ImportID = importID
		if e.TraceParent == "" {
			e.TraceParent = trace
		}
	}
	a := g.take(b, received, keyName)
	status := a.status(http.StatusAccepted, http.StatusMultiStatus)
	return reply{status, a}, nil
}

// received is the receipt time of a request. Kafka keeps milliseconds, and the
// envelope says the same as the record.
func (g *gateway) received() time.Time { return g.now().UTC().Truncate(time.Millisecond) }

func (b *batch) readCloudEvents(r *http.Request, body []byte) error {
	contentType := r.Header.Get("Content-Type")
	media, params, err := mediaType(contentType)
	if err != nil && contentType != "" {
		return problemf(http.StatusUnsupportedMediaType, "content_type", "expected a media type, got %q", shorten(contentType))
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problemf(http.StatusUnsupportedMediaType, "charset", "expected UTF-8, got charset %q", shorten(charset))
	}
	d := b.gateway.declared.Load()
	switch {
	case media == mediaStructured:
		if !b.quickOne(d, body) {
			b.events = append(b.events[:0], d.structured(body))
		}
		return nil
	case media == mediaBatch:
		if v := b.readBatch(d, body); v != nil {
			return problemf(http.StatusBadRequest, "json", "read the batch: %s", v)
		}
		return nil
	case isBinary(r.Header):
		b.events = append(b.events[:0], d.binary(r.Header, media, body))
		return nil
	}
	return problemf(http.StatusUnsupportedMediaType, "content_type",
		"expected Content-Type %s (one event), %s (an array of them), or application/json with the attributes in ce- headers, got %s%s",
		mediaStructured, mediaBatch, orNone(contentType), unasked(media))
}

func orNone(contentType string) string {
	if contentType == "" {
		return "none"
	}
	return strconv.Quote(shorten(contentType))
}

// unasked explains a media type that nobody chose.
func unasked(media string) string {
	if media != "application/x-www-form-urlencoded" {
		return ""
	}
	return ", which curl -d and urllib send when they are told nothing else: set the header Content-Type"
}

// structured reads one event in CloudEvents' JSON format.
func (d *declarations) structured(raw []byte) incoming {
	in := incoming{at: "/data", data: jsontext.Value("{}")}
	if len(raw) > maxEventBytes {
		in.violations = append(in.violations, tooLarge(len(raw)))
		return in
	}
	var version string
	hasBinary := false
	broken := members(raw, func(name string, value jsontext.Value) {
		switch name {
		case "specversion":
			version = in.text(name, value)
		case "data":
			in.data = value
		case "data_base64":
			hasBinary = value.Kind() != jsontext.KindNull
		case "datacontenttype":
			in.contentType(in.text(name, value))
		default:
			in.attribute(name, value)
		}
	})
	if broken != nil {
		in.violations = append(in.violations, *broken)
		return in
	}
	if hasBinary {
		in.violate("/data_base64", ruleContentType, "expected the data as JSON in \"data\", got bytes in \"data_base64\"")
	}
	in.complete(d, version)
	return in
}

func (in *incoming) contentType(text string) {
	media, _, err := mime.ParseMediaType(text)
	if text != "" && (err != nil || !isJSON(media)) {
		in.violate("/datacontenttype", ruleContentType, "expected the data as application/json, got %q", shorten(text))
	}
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// attribute takes one context attribute. Extensions that the envelope has no
// place for are left out.
func (in *incoming) attribute(name string, value jsontext.Value) {
	e := &in.envelope
	switch name {
	case "id":
		e.ID = in.text(name, value)
	case "source":
		e.Source = in.text(name, value)
	case "type":
		e.Type = in.text(name, value)
	case "subject":
		e.Subject = in.text(name, value)
	case "time":
		e.Time = in.time(name, value)
	case "senttime":
		e.SentTime = in.time(name, value)
	case "anonymousid":
		e.AnonymousID = in.text(name, value)
	case "traceparent":
		e.TraceParent = in.text(name, value)
	}
}

// complete checks the attributes together and finds the declaration.
func (in *incoming) complete(d *declarations, version string) {
	e := &in.envelope
	switch version {
	case event.SpecVersion:
	case "":
		in.missing("specversion", `"1.0"`)
	default:
		in.violate("/specversion", event.RuleEnum, "expected %q, got %q", event.SpecVersion, shorten(version))
	}
	if e.ID == "" {
		in.missing("id", "what tells this event from all others of its source, the same whenever it is sent again")
	}
	if e.Source == "" {
		in.missing("source", "who made the event, a URI or a path")
	}
	if e.Customer() == "" {
		in.missing("subject", `the customer's id; an event of a visitor not known yet has an "anonymousid" instead`)
	}
	if e.Type == "" {
		in.missing("type", "the declared type, like checkout.order_placed")
		return
	}
	in.asked = e.Type
	one, v := d.find(e.Type, "/type")
	in.declared = one
	if v != nil {
		in.violations = append(in.violations, *v)
	}
}

// missing reports an attribute that is absent, empty or null, unless its value
// was already found to be wrong.
func (in *incoming) missing(name, meaning string) {
	for _, v := range in.violations {
		if v.Pointer == "/"+name {
			return
		}
	}
	in.violate("/"+name, event.RuleRequired, "expected attribute %q (%s), got none", name, meaning)
}

// attributePrefix is how binary mode marks the headers that are attributes.
const attributePrefix = "Ce-"

func isBinary(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, attributePrefix) {
			return true
		}
	}
	return false
}

// binary reads one event whose attributes are headers and whose data is the
// body.
func (d *declarations) binary(h http.Header, media string, body []byte) incoming {
	in := incoming{at: "/data", data: body}
	if len(body) == 0 {
		in.data = jsontext.Value("{}")
	}
	if len(body) > maxEventBytes {
		in.violations = append(in.violations, tooLarge(len(body)))
		return in
	}
	if media != "" && !isJSON(media) {
		in.violate("/datacontenttype", ruleContentType, "expected the data as application/json, got %q%s", shorten(media), unasked(media))
	}
	for name, values := range h {
		attribute, ok := strings.CutPrefix(name, attributePrefix)
		if !ok {
			continue
		}
		text, err := url.PathUnescape(values[0]) // the binding percent-encodes what headers cannot carry
		if err != nil {
			text = values[0]
		}
		quoted, err := jsontext.AppendQuote(nil, text)
		if err != nil {
			in.violate("/"+strings.ToLower(attribute), event.RuleUTF8, "expected UTF-8, got other bytes")
			continue
		}
		in.attribute(strings.ToLower(attribute), quoted)
	}
	in.complete(d, h.Get("Ce-Specversion"))
	return in
}
