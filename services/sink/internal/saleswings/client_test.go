package saleswings

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

const testKey = "key-of-the-test"

// inProcess calls a handler without a network, so that fake time can pass meanwhile.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	rec := httptest.NewRecorder()
	type end struct{ broken bool }
	done := make(chan end, 1)
	go func() {
		broken := true
		defer func() {
			if broken {
				_ = recover()
			}
			done <- end{broken}
		}()
		t.handler.ServeHTTP(rec, r)
		broken = false
	}()
	e := <-done
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if e.broken {
		return nil, io.ErrUnexpectedEOF
	}
	return rec.Result(), nil
}

func testClient(t *testing.T, surface string, h http.Handler) *client {
	t.Helper()
	c, err := newClient(ClientConfig{URL: "https://helium.example", APIKey: testKey, Surface: surface, Transport: inProcess{h}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testActivity(id string) Activity {
	return Activity{
		Lead: Lead{UserID: "u1", Email: "a@example.com"}, TransitionID: id, Version: 3,
		Cohort: "cart_abandoner_24h", Entered: true, Reason: "event", EffectiveAt: 1_671_371_213_652, ValidUntil: 1_671_457_613_652,
	}
}

func TestSend_BothSurfacesAreTakenByAStrictServer(t *testing.T) {
	for _, surface := range []string{SurfaceSegment, SurfaceCore} {
		server := saleswingstest.New(testKey)
		c := testClient(t, surface, server)
		for _, k := range []kind{kindIdentify, kindTrack} {
			a := c.send(t.Context(), k, []Activity{testActivity("0-1-0")}, time.Time{})
			if diff := cmp.Diff([]verdict{verdictDelivered}, verdicts(a)); diff != "" {
				t.Fatalf("%s %s: %s %+v", surface, k, diff, a.items)
			}
		}
		taken := server.Taken()
		if len(taken) != 2 || taken[0].Kind != "Identify" || taken[1].Kind != "Track" {
			t.Fatalf("%s: took %+v", surface, taken)
		}
		track := taken[1]
		if got, want := track.Timestamp.UnixMilli(), int64(1_671_371_213_652); got != want {
			t.Errorf("%s: timestamp %d, want %d", surface, got, want)
		}
		want := map[string]any{
			"transition_id": "0-1-0", "version": 3.0, "cohort": "cart_abandoner_24h", "change": "entered",
			"reason": "event", "effective_at": "2022-12-18T13:46:53.652Z", "valid_until": "2022-12-19T13:46:53.652Z",
		}
		if surface == SurfaceCore {
			want["effective_at"], want["valid_until"] = 1_671_371_213_652.0, 1_671_457_613_652.0
		}
		if diff := cmp.Diff(want, track.Values); diff != "" {
			t.Errorf("%s: values (-want +got)\n%s", surface, diff)
		}
		if track.UserID != "u1" || track.Email != "a@example.com" {
			t.Errorf("%s: lead %+v", surface, track)
		}
	}
}

func verdicts(a answer) []verdict {
	var out []verdict
	for _, r := range a.items {
		out = append(out, r.verdict)
	}
	return out
}

func TestSend_JudgesEveryKindOfAnswer(t *testing.T) {
	two := func(v verdict) []verdict { return []verdict{v, v} }
	for name, c := range map[string]struct {
		fault saleswingstest.Fault
		want  []verdict
	}{
		"taken":                {nil, two(verdictDelivered)},
		"old 202":              {saleswingstest.Body(202, "text/plain", "Accepted"), two(verdictDelivered)},
		"207 one refused":      {saleswingstest.FailItems(400, 1), []verdict{verdictDelivered, verdictRefused}},
		"207 one again":        {saleswingstest.FailItems(500, 0), []verdict{verdictRetry, verdictDelivered}},
		"207 one 501":          {saleswingstest.FailItems(501, 0), []verdict{verdictRefused, verdictDelivered}},
		"207 damaged":          {saleswingstest.Body(207, "application/json", `{"errorResponses":[{`), two(verdictAmbiguous)},
		"207 foreign index":    {saleswingstest.Body(207, "application/json", `{"error":1,"errorResponses":[{"status":400,"index":7}]}`), two(verdictAmbiguous)},
		"207 counts differ":    {saleswingstest.Body(207, "application/json", `{"error":2,"errorResponses":[{"status":400,"index":0}]}`), two(verdictAmbiguous)},
		"200 with error list":  {saleswingstest.Body(200, "application/json", `{"error":1,"errorResponses":[{"status":400,"index":0}]}`), []verdict{verdictRefused, verdictDelivered}},
		"200 html":             {saleswingstest.Body(200, "text/html; charset=utf-8", "<html>"), two(verdictRetry)},
		"408":                  {saleswingstest.Status(408), two(verdictRetry)},
		"423":                  {saleswingstest.Status(423), two(verdictRetry)},
		"429":                  {saleswingstest.RateLimited(time.Second), two(verdictRetry)},
		"500":                  {saleswingstest.Status(500), two(verdictRetry)},
		"503":                  {saleswingstest.Status(503), two(verdictRetry)},
		"504":                  {saleswingstest.Status(504), two(verdictAmbiguous)},
		"501":                  {saleswingstest.Status(501), two(verdictHold)},
		"400 of a batch":       {saleswingstest.Status(400), two(verdictSplit)},
		"413 of a batch":       {saleswingstest.Status(413), two(verdictSplit)},
		"401":                  {saleswingstest.Status(401), two(verdictHold)},
		"404":                  {saleswingstest.Status(404), two(verdictHold)},
		"redirect":             {saleswingstest.Redirect("http://169.254.169.254/"), two(verdictHold)},
		"broken after taking":  {saleswingstest.TakeAndBreak(), two(verdictAmbiguous)},
		"hangs after taking":   {saleswingstest.TakeAndHang(), two(verdictAmbiguous)},
		"an answer of 2 MB":    {saleswingstest.Body(200, "application/json", strings.Repeat(" ", 2<<20)), two(verdictAmbiguous)},
		"207 without any list": {saleswingstest.Body(207, "application/json", `{"error":0,"errorResponses":[]}`), two(verdictDelivered)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := saleswingstest.New(testKey)
				server.Always(c.fault)
				got := testClient(t, "", server).send(t.Context(), kindTrack, []Activity{testActivity("0-1-0"), testActivity("0-2-0")}, time.Time{})
				if diff := cmp.Diff(c.want, verdicts(got)); diff != "" {
					t.Errorf("(-want +got)\n%s%+v", diff, got.items)
				}
				if n := len(server.Requests()); n != 1 {
					t.Errorf("%d requests, want 1: nothing is repeated or followed here", n)
				}
			})
		})
	}
}

func TestSend_ReadsRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-3": 0, "x": 0, "99999999": time.Hour, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// Over a real connection: refused before anything was sent is no ambiguity, lost
// after sending is one.
func TestSend_TellsUnsentFromUnknown(t *testing.T) {
	server := httptest.NewServer(saleswingstest.New(testKey))
	url := server.URL
	c, err := newClient(ClientConfig{URL: url, APIKey: testKey, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(c.send(t.Context(), kindTrack, []Activity{testActivity("0-1-0")}, time.Time{})); got[0] != verdictDelivered {
		t.Fatalf("got %v, want delivered", got)
	}
	server.Close()
	// A fresh client: on a kept connection it would be open whether the request went out.
	if c, err = newClient(ClientConfig{URL: url, APIKey: testKey, AllowPrivate: true}); err != nil {
		t.Fatal(err)
	}
	if got := verdicts(c.send(t.Context(), kindTrack, []Activity{testActivity("0-1-0")}, time.Time{})); got[0] != verdictRetry {
		t.Errorf("closed port: got %v, want retry", got)
	}

	fake := saleswingstest.New(testKey)
	fake.Always(saleswingstest.TakeAndBreak())
	breaking := httptest.NewServer(fake)
	defer breaking.Close()
	c, err = newClient(ClientConfig{URL: breaking.URL, APIKey: testKey, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(c.send(t.Context(), kindTrack, []Activity{testActivity("0-1-0")}, time.Time{})); got[0] != verdictAmbiguous {
		t.Errorf("broken connection: got %v, want ambiguous", got)
	}
	if n := len(fake.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestClient_RefusesPrivateAddressesAndOddURLs(t *testing.T) {
	for _, url := range []string{"", "helium.example", "http://helium.example", "https://u:p@helium.example", "https://helium.example/x", "ftp://helium.example"} {
		if _, err := newClient(ClientConfig{URL: url, APIKey: testKey}); err == nil {
			t.Errorf("%q was taken", url)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: the error holds the credentials: %v", url, err)
		}
	}
	for _, address := range []string{
		"127.0.0.1:443", "10.1.2.3:443", "169.254.169.254:80", "0.0.0.0:80", "[::1]:443", "[::ffff:127.0.0.1]:443",
		"[fe80::1]:443", "[fd00::1]:443", "224.0.0.1:443", "100.64.1.1:443", "[64:ff9b::7f00:1]:443", "255.255.255.255:1",
	} {
		if publicOnly(address) == nil {
			t.Errorf("%s passed as public", address)
		}
	}
	if err := publicOnly("93.184.216.34:443"); err != nil {
		t.Error(err)
	}
	server := httptest.NewServer(saleswingstest.New(testKey))
	defer server.Close()
	c, err := newClient(ClientConfig{URL: server.URL, APIKey: testKey})
	if err != nil {
		t.Fatalf("a URL that names loopback: %v", err)
	}
	if got := verdicts(c.send(context.Background(), kindTrack, []Activity{testActivity("0-1-0")}, time.Time{})); got[0] != verdictDelivered {
		t.Errorf("loopback by its name: got %v, want delivered", got)
	}
	// A public name that leads there is another matter.
	c.http.Transport = guardedTransport(false)
	if got := verdicts(c.send(context.Background(), kindTrack, []Activity{testActivity("0-1-0")}, time.Time{})); got[0] != verdictHold {
		t.Errorf("loopback by surprise: got %v, want hold", got)
	}
}

func TestScrub_KeepsNothingPersonalAndNoKey(t *testing.T) {
	for text, want := range map[string]string{
		`cannot decode "jo" at field email of jo@example.com or +442079460958, offset 12 josé`: "cannot decode *** at field email of *** or *** offset 12 ***",
		"Bearer the key is not valid, Bearer%20the+key":                                        "Bearer *** is not valid, Bearer%20the+key",
		"authorization=the key;token of " + strings.Repeat("a", 41):                            "authorization=***;token of ***",
		strings.Repeat("word ", 31) + "the key":                                                strings.Repeat("word ", 31) + "***",
	} {
		if got := scrub(text, "the key"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestNewActivity_NamesTheLead(t *testing.T) {
	keys, err := seal.NewKeys([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	email := func(s string) []byte { return keys.Seal(seal.KindEmail, s) }
	for name, c := range map[string]struct {
		person     string
		contacts   [][]byte
		want       Lead
		unreadable int
	}{
		"customer":         {"c1", [][]byte{email("old@x.example"), email("new@x.example"), keys.Seal(seal.KindCustomerID, "c1")}, Lead{UserID: "c1", Email: "new@x.example"}, 0},
		"email alone":      {keys.EmailKey("a@x.example"), [][]byte{email("a@x.example")}, Lead{Email: "a@x.example"}, 0},
		"anonymous":        {"anon", [][]byte{keys.Seal(seal.KindAnonymousID, "anon")}, Lead{AnonymousID: "anon"}, 0},
		"nothing known":    {"c1", nil, Lead{UserID: "c1"}, 0},
		"damaged":          {"c1", [][]byte{[]byte("x")}, Lead{UserID: "c1"}, 1},
		"phone is unasked": {"c1", [][]byte{keys.Seal(seal.KindPhone, "+1")}, Lead{UserID: "c1"}, 0},
	} {
		a, unreadable := newActivity(&cohort.Transition{Op: cohort.OpEnter, Person: c.person, Contacts: c.contacts}, keys)
		if diff := cmp.Diff(c.want, a.Lead); diff != "" || unreadable != c.unreadable {
			t.Errorf("%s: (-want +got)\n%s%d unreadable", name, diff, unreadable)
		}
	}
}

// A process that is frozen between the last look at its ownership and the writing of the request must not send it when
// it goes on: somebody else has told SalesWings what came after.
func TestSend_NothingWholeIsSentAfterItsTime(t *testing.T) {
	taken := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			taken++
		}
		w.WriteHeader(http.StatusOK)
	}))
	c, err := newClient(ClientConfig{URL: server.URL, APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	list := []Activity{testActivity("0-1-0")}
	if got := verdicts(c.send(t.Context(), kindTrack, list, time.Now().Add(time.Minute))); got[0] != verdictDelivered {
		t.Errorf("in time: got verdict %v", got)
	}
	a := c.send(t.Context(), kindTrack, list, time.Now().Add(-time.Millisecond))
	if got := verdicts(a); got[0] != verdictRetry || a.items[0].message != errLate.Error() {
		t.Errorf("late: got %+v, want another try", a.items[0])
	}
	server.Close() // waits for its handlers
	if taken != 1 {
		t.Errorf("%d whole requests came, want the one that was sent in time", taken)
	}
}
