package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// padded is a track call of exactly n bytes.
func padded(n int) string {
	const head, tail = `{"event":"E","userId":"u","properties":{"a":"`, `"}}`
	return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
}

func TestLimits_BodyOfTheLimitAndOneMore(t *testing.T) {
	for _, length := range []bool{true, false} {
		unsaid := func(r *http.Request) {
			if !length {
				r.ContentLength = -1
			}
		}
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/track", padded(maxBody), withKey, unsaid).success(t) // more than one record may take: kept
		h.onlyKept(t, normalise.ReasonTooLarge)
		h = newHouse(t)
		h.send(t, http.MethodPost, "/v1/track", padded(maxBody+1), withKey, unsaid).want(t, http.StatusRequestEntityTooLarge)
		if _, calls := h.quarantine.taken(); calls != 0 {
			t.Error("something was written")
		}
	}
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", padded(30<<10), withKey).success(t)
	h.only(t)
}

func TestLimits_AnnouncedLengthThatLies(t *testing.T) {
	h := newHouse(t)
	short := func(r *http.Request) {
		r.ContentLength = 10
		r.Body = io.NopCloser(strings.NewReader(padded(maxBody + 1)))
	}
	h.send(t, http.MethodPost, "/v1/track", "", withKey, short).want(t, http.StatusRequestEntityTooLarge)
	long := func(r *http.Request) {
		r.ContentLength = 5000
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"event":`), broken{}))
	}
	h.send(t, http.MethodPost, "/v1/track", "", withKey, long).want(t, http.StatusBadRequest)
	if len(h.log(t))+len(h.kept(t)) != 0 {
		t.Error("something was written")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLimits_Compression(t *testing.T) {
	packed := header("Content-Encoding", "gzip")
	bomb := gzipped(t, strings.Repeat("0", 10<<20))
	if len(bomb) > 16<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", bomb, withKey, packed).want(t, http.StatusRequestEntityTooLarge)
	h.send(t, http.MethodPost, "/v1/track", `{}`, withKey, header("Content-Encoding", "br")).want(t, http.StatusUnsupportedMediaType)
	h.send(t, http.MethodPost, "/v1/track", `{}`, withKey, header("Content-Encoding", "gzip, gzip")).want(t, http.StatusUnsupportedMediaType)
	good := gzipped(t, `{"event":"E","userId":"u"}`)
	for name, body := range map[string]string{
		"truncated": good[:len(good)-4], "no gzip": `{"event":"E","userId":"u"}`, "trailing bytes": good + "x", "two streams": good + good, "empty": "",
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/track", body, withKey, packed).success(t)
		if q := h.onlyKept(t, normalise.ReasonEncoding); string(q.Body) != body {
			t.Errorf("%s: got %q, want the bytes as they came", name, q.Body)
		}
	}
	// One layer only: what is inside is gzip and no JSON.
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", gzipped(t, good), withKey, packed).success(t)
	h.onlyKept(t, normalise.ReasonMalformed)
}

func TestLimits_Depth(t *testing.T) {
	nested := func(n int) string {
		return `{"event":"E","userId":"u","properties":{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
	}
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", nested(30), withKey).success(t)
	h.only(t)
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", nested(31), withKey).success(t)
	h.onlyKept(t, normalise.ReasonTooDeep)
	for _, n := range []int{9_000, 20_000} {
		h := newHouse(t)
		h.send(t, http.MethodPost, customerPath+"/events", strings.Repeat("[", n)+strings.Repeat("]", n), withTrack).want(t, http.StatusBadRequest)
		h.onlyKept(t, normalise.ReasonTooDeep)
	}
	// One that is too deep costs the batch nothing else.
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/batch", `{"batch":[{"type":"track",`+nested(40)[1:]+`,{"type":"track","event":"E","userId":"u"}]}`, withKey).success(t)
	if len(h.log(t)) != 1 || len(h.kept(t)) != 1 || h.kept(t)[0].Reason != normalise.ReasonTooDeep {
		t.Errorf("got %d events and %+v", len(h.log(t)), h.kept(t))
	}
}

func TestLimits_ItemsOfABatch(t *testing.T) {
	for path, item := range map[string]string{"/v1/batch": `1`, "/api/v2/batch": `{}`} {
		for n, want := range map[int]int{20: http.StatusOK, 21: http.StatusRequestEntityTooLarge} {
			h := newHouse(t, func(c *Config) { c.MaxItems = 20 })
			body := `{"batch":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
			change := withKey
			if strings.HasPrefix(path, "/api") {
				change = withTrack
				if want == http.StatusOK {
					want = http.StatusMultiStatus
				}
			}
			h.send(t, http.MethodPost, path, body, change).want(t, want)
			if records, _ := h.quarantine.taken(); want == http.StatusRequestEntityTooLarge && len(records) != 0 {
				t.Errorf("%s: %d records were written", path, len(records))
			}
		}
	}
}

// One object with a thousand relations says its attributes once; written with each of
// them it would be a thousand times its size.
func TestLimits_RelationsDoNotMultiplyABody(t *testing.T) {
	var people strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&people, `,{"identifiers":{"id":"u_%d"}}`, i)
	}
	body := `{"type":"object","action":"identify","identifiers":{"object_type_id":"1","object_id":"o"},"attributes":{"a":"` +
		strings.Repeat("x", 20<<10) + `"},"cio_relationships":[` + people.String()[1:] + `]}`
	h := newHouse(t)
	h.send(t, http.MethodPost, "/api/v2/entity", body, withTrack).want(t, http.StatusBadRequest)
	size := 0
	records, _ := h.events.taken()
	for _, r := range records {
		size += len(r.Value)
	}
	if size > 512<<10 || len(h.kept(t)) != 1 || h.kept(t)[0].Reason != normalise.ReasonTooLarge {
		t.Errorf("got %d bytes of events and %d messages in quarantine", size, len(h.kept(t)))
	}
}

func TestLimits_LongNamesAndIDs(t *testing.T) {
	long := strings.Repeat("x", 2000)
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"`+long+`"}`, withKey).success(t)
	h.onlyKept(t, normalise.ReasonTooLong)
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"`+long+`","userId":"u"}`, withKey).success(t)
	h.onlyKept(t, normalise.ReasonTooLong)
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","messageId":"`+long+`"}`, withKey).success(t)
	if e := h.only(t); len(e.ID) != 68 {
		t.Errorf("got id %q, want one that is derived", e.ID)
	}
}

// Whatever is signed rightly is answered 200: a refusal holds up the webhook for a week.
func TestLimits_SignedBodyBeyondTheLimitIsKeptInPart(t *testing.T) {
	body := `{"event_id":"e","data":{"content":"` + strings.Repeat("x", 3*maxWebhook) + `"}}`
	h := newHouse(t)
	for _, length := range []int64{int64(len(body)), -1} {
		h := newHouse(t)
		h.report(t, body, func(r *http.Request) { r.ContentLength = length }).success(t)
		q := h.onlyKept(t, normalise.ReasonTooLarge)
		if !q.Truncated || !strings.HasPrefix(body, string(q.Body)) || len(q.Body) == 0 {
			t.Errorf("got %d bytes, truncated %v", len(q.Body), q.Truncated)
		}
	}
	h.report(t, body[:len(body)-1]+" ", signed(signingKey, now(), []byte(body))).want(t, http.StatusUnauthorized)
	huge := strings.Repeat("x", hardFactor*maxWebhook+1)
	h.report(t, huge).want(t, http.StatusRequestEntityTooLarge)
	if len(h.kept(t)) != 0 {
		t.Error("something was kept")
	}
}

// A large mail in a webhook is read and left out of the log.
func TestLimits_ContentOfMailsStaysOut(t *testing.T) {
	h := newHouse(t)
	h.report(t, `{"event_id":"e","object_type":"email","metric":"sent","timestamp":1791190800,"data":{"identifiers":{"id":"u"},"headers":{"A":["b"]},"content":"`+
		strings.Repeat("<p>", 20<<10)+`"}}`).success(t)
	if e := h.only(t); len(e.Properties.Strings)+len(e.Properties.Nested) != 0 {
		t.Errorf("got %+v", e.Properties)
	}
}

func TestReporting_AuthenticButUnreadableIsKeptAndAnswered200(t *testing.T) {
	for body, reason := range map[string]string{
		``: normalise.ReasonMalformed, `{"metric"`: normalise.ReasonMalformed, `[]`: normalise.ReasonShape, `{}`: normalise.ReasonMissing,
		`{"metric":"opened","timestamp":"soon"}`: normalise.ReasonTimestamp, `{"metric":"opened","data":7}`: normalise.ReasonShape,
		`{"metric":"opened","object_type":"email","data":{}}`: normalise.ReasonNoIdentity, "\xff\xfe": normalise.ReasonMalformed,
	} {
		h := newHouse(t)
		h.report(t, body).success(t)
		q := h.onlyKept(t, reason)
		if string(q.Body) != body || q.Headers["x-cio-timestamp"] == "" || q.Method != http.MethodPost || q.ReceivedAt != now().UnixMilli() {
			t.Errorf("%q: got %+v", body, q)
		}
		for name, value := range q.Headers {
			if strings.Contains(strings.ToLower(name), "signature") || strings.Contains(strings.ToLower(name), "authorization") {
				t.Errorf("quarantine keeps the credential %s: %s", name, value)
			}
		}
	}
}

func TestLimits_NoRoomIsAnswered503AtOnce(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.MaxRequests = 1 })
	other := h.gate.Enter()
	if err := other.Work(); err != nil {
		t.Fatal(err)
	}
	got := h.send(t, http.MethodPost, "/v1/track", padded(100), withKey)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	other.Leave()
	h.send(t, http.MethodPost, "/v1/track", padded(100), withKey).success(t)
	if h.gate.Busy() != 0 {
		t.Errorf("got %d requests inside, want none", h.gate.Busy())
	}
	h = newHouse(t, func(c *Config) { c.MaxHeld = 1000 })
	h.send(t, http.MethodPost, "/v1/track", padded(1001), withKey).want(t, http.StatusServiceUnavailable)
	h.send(t, http.MethodPost, "/v1/track", padded(1000), withKey).success(t)
}

// What a handler panics with is told nobody.
func TestPanic_CostsOneRequestAndTellsNothing(t *testing.T) {
	h := newHouse(t)
	boom := h.observed("", func(*call) { panic("a@example.com") })
	w := httptest.NewRecorder()
	h.careful(boom, boom).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String()+h.logged.String(), "example.com") || !strings.Contains(h.logged.String(), "limits_test") &&
		!strings.Contains(h.logged.String(), "TestPanic") {
		t.Errorf("got %d %s, log %s", w.Code, w.Body, h.logged.String())
	}
}

func TestKeys_WorkspaceBeforeTheKey(t *testing.T) {
	k, err := auth.NewKeys("pipelines-write-keys", "main", []string{"plain", "shop=key", "YmFzZTY0=", "YmFzZTY0ZA=="})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"plain": "main", "key": "shop", "YmFzZTY0=": "main", "YmFzZTY0ZA==": "main", "shop=key": "", "": ""} {
		if got, _ := k.Workspace(key); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
	if _, err := auth.NewKeys("pipelines-write-keys", "main", []string{"a", " "}); err == nil || !strings.Contains(err.Error(), "pipelines-write-keys: entry 2") {
		t.Errorf("got %v", err)
	}
}
