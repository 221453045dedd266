package probe

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The probe is as well as what it asks, and everything else is not its business.
func TestProbe(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "restoring", http.StatusServiceUnavailable)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		args    []string
		address string
		code    int
		asked   bool
	}{
		{[]string{"--probe"}, address, 0, true},
		{[]string{"--probe"}, "0.0.0.0:" + port, 0, true},
		{[]string{"--probe"}, ":" + port, 0, true},
		{[]string{"--probe=/readyz"}, address, 1, true},
		{[]string{"--probe"}, "127.0.0.1:1", 1, true},
		{[]string{"--probe"}, "", 1, true},
		{[]string{"--probes"}, address, 0, false},
		{[]string{"--probe", "x"}, address, 0, false},
		{nil, address, 0, false},
	}
	for _, c := range cases {
		code, asked := Asked(c.args, func(string) string { return c.address })
		if code != c.code || asked != c.asked {
			t.Errorf("%q at %q: %d %t, want %d %t", c.args, c.address, code, asked, c.code, c.asked)
		}
	}
}
