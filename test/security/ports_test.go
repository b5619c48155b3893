package security

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What operators need is not where clients come, and tells no profile unless asked to; a flow
// without keys takes nothing, and says so.
func TestPorts_AdministrationIsApart(t *testing.T) {
	p := attacked(t, nil)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/vars", "/clock"} {
		if status, _, err := get(t.Context(), "http://"+p.http+path, ""); err != nil || status != http.StatusNotFound {
			t.Errorf("public %s: got %d %v, want 404", path, status, err)
		}
	}
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/debug/pprof/": 404, "/debug/pprof/cmdline": 404, "/v1/track": 404} {
		if status, _, err := get(t.Context(), "http://"+p.admin+path, ""); err != nil || status != want {
			t.Errorf("admin %s: got %d %v, want %d", path, status, err, want)
		}
	}
	q := begin(t, "standalone", map[string]string{"partitions": fmt.Sprint(partitions)}).ready(t)
	if said := q.said(t); !strings.Contains(said, "nobody can send") {
		t.Error("a flow without a key does not say that nobody can send")
	}
	if status, _, err := do(t.Context(), http.MethodPost, "http://"+q.http+"/v1/track", "", `{"event":"E","userId":"u"}`); err != nil || status != http.StatusUnauthorized {
		t.Errorf("without any key set: got %d %v, want 401", status, err)
	}
}
