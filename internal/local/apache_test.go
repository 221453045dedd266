package local

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/kafka"
)

// Data of one kind of Kafka is never opened by the other, and what was started
// once is started again without being asked for.
func TestKafkaIsChosenOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ last, asked, want, refusal string }{
		{"", "", Embedded, ""},
		{"", Apache, Apache, ""},
		{Embedded, "", Embedded, ""},
		{Apache, "", Apache, ""},
		{Apache, Apache, Apache, ""},
		{Apache, Embedded, "", "run headwater clean first"},
		{Embedded, Apache, "", "run headwater clean first"},
	} {
		dir := t.TempDir()
		if tt.last != "" {
			place := NewPlace(dir, DefaultPortBase)
			if tt.last == Apache {
				place = place.onApache()
			}
			if err := place.Save(); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ChooseKafka(dir, tt.asked)
		if got != tt.want || (err != nil) != (tt.refusal != "") || (err != nil && !strings.Contains(err.Error(), tt.refusal)) {
			t.Errorf("last %q, asked %q: got %q, %v; want %q, %q", tt.last, tt.asked, got, err, tt.want, tt.refusal)
		}
	}
}

// Whoever reads platform.json reaches real brokers over TLS, at the same
// addresses that the embedded ones have.
func TestPlaceOnApache(t *testing.T) {
	t.Parallel()
	embedded := NewPlace(t.TempDir(), 20000)
	real := embedded.onApache()
	if err := real.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := OpenPlace(embedded.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		kafka.EnvBootstrapServers:       embedded.BootstrapList(),
		kafka.EnvSASLMechanism:          kafka.ScramSHA512,
		kafka.EnvTLSCA:                  embedded.Path("apache", "tls", "ca.pem"),
		"HEADWATER_SCHEMA_REGISTRY_URL": embedded.RegistryURL + "/apis/ccompat/v7",
	}
	if diff := cmp.Diff(want, got.Environment()); diff != "" {
		t.Errorf("environment of a client (-want +got):\n%s", diff)
	}
	if ca := got.KafkaConfig("x", "y").TLS.CA; ca != want[kafka.EnvTLSCA] {
		t.Errorf("clients trust %q", ca)
	}
	if _, ok := embedded.Environment()[kafka.EnvTLSCA]; ok {
		t.Error("clients of the embedded brokers, which have no TLS, are told of a CA")
	}
}
