package server

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

const customerPath = "/api/v1/customers/u_1"

// The traps of Customer.io's interfaces, each by the number it has in the fact sheet.

func TestTrap01_SecondsOrMillisecondsIsSaidByThePath(t *testing.T) {
	const seconds, ms = 1791190800, 1791190800000
	for _, c := range []struct {
		method, path, body string
		change             func(*http.Request)
	}{
		{http.MethodPost, "/v1/track", fmt.Sprintf(`{"event":"E","userId":"u_1","timestamp":%d}`, ms), withKey},
		{http.MethodPost, "/v1/track", `{"event":"E","userId":"u_1","timestamp":"2026-10-05T09:00:00Z"}`, withKey},
		{http.MethodPost, customerPath + "/events", fmt.Sprintf(`{"name":"E","timestamp":%d}`, seconds), withTrack},
		{http.MethodPost, "/api/v2/entity", fmt.Sprintf(`{"type":"person","action":"event","identifiers":{"id":"u_1"},"name":"E","timestamp":%d}`, seconds), withTrack},
	} {
		h := newHouse(t)
		h.send(t, c.method, c.path, c.body, c.change).success(t)
		if e := h.only(t); e.EventAt != ms {
			t.Errorf("%s %s: got %d, want %d", c.path, c.body, e.EventAt, ms)
		}
	}
	h := newHouse(t)
	h.report(t, fmt.Sprintf(`{"event_id":"e","object_type":"email","metric":"opened","timestamp":%d,"data":{"identifiers":{"id":"u_1"}}}`, seconds)).success(t)
	if e := h.only(t); e.EventAt != ms {
		t.Errorf("reporting: got %d, want %d", e.EventAt, ms)
	}
	// A unit that the path does not have is a fault and no date in the far future.
	h = newHouse(t)
	h.send(t, http.MethodPost, customerPath+"/events", fmt.Sprintf(`{"name":"E","timestamp":%d}`, ms), withTrack).want(t, http.StatusBadRequest)
	h.onlyKept(t, normalise.ReasonTimestamp)
}

func TestTrap02_SuccessIsExactly200WithAnEmptyObject(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPut, customerPath, `{"plan":"plus"}`},
		{http.MethodDelete, customerPath, ""},
		{http.MethodPost, customerPath + "/suppress", ""},
		{http.MethodPost, customerPath + "/unsuppress", "{}"},
		{http.MethodPost, customerPath + "/events", `{"name":"E"}`},
		{http.MethodPut, customerPath + "/devices", `{"device":{"id":"d","platform":"ios"}}`},
		{http.MethodDelete, customerPath + "/devices/d", ""},
		{http.MethodPost, "/api/v1/events", `{"name":"E","anonymous_id":"a"}`},
		{http.MethodPost, "/api/v1/merge_customers", `{"primary":{"id":"a"},"secondary":{"id":"b"}}`},
		{http.MethodPost, "/api/v1/segments/7/add_customers", `{"ids":["a","b"]}`},
		{http.MethodPost, "/api/v1/segments/7/remove_customers?id_type=email", `{"ids":["a@example.com"]}`},
		{http.MethodPost, "/api/v2/entity", `{"type":"person","action":"identify","identifiers":{"id":"a"}}`},
		{http.MethodPost, "/api/v2/batch", `{"batch":[{"type":"person","action":"identify","identifiers":{"id":"a"}}]}`},
	} {
		h.send(t, c.method, c.path, c.body, withTrack).success(t)
	}
	for _, path := range []string{"/identify", "/track", "/page", "/screen", "/group", "/alias", "/batch", "/t", "/i", "/p", "/s", "/g", "/a", "/b"} {
		for _, prefix := range []string{"", "/v1"} {
			h.send(t, http.MethodPost, prefix+path, `{"userId":"u","event":"E","groupId":"g","previousId":"p","batch":[]}`, withKey).success(t)
		}
	}
	if n := len(h.log(t)); n != 14+24 {
		t.Errorf("got %d events, want 38", n)
	}
}

func TestTrap03_BasicInTheURLSafeAlphabet(t *testing.T) {
	key := "ÿþ?>~~ü" // its encoding has characters that the two alphabets differ in
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawURLEncoding, base64.RawStdEncoding} {
		h := newHouse(t, func(c *Config) {
			var err error
			if c.TrackKeys, err = auth.NewKeys("test", "main", []string{siteID + ":" + key}); err != nil {
				t.Fatal(err)
			}
		})
		text := encoding.EncodeToString([]byte(siteID + ":" + key))
		h.send(t, http.MethodPost, customerPath+"/events", `{"name":"E"}`, header("Authorization", "Basic "+text)).success(t)
	}
}

func gzipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestTrap04_TextPlainGzipAndChunked(t *testing.T) {
	body := `{"batch":[{"type":"track","event":"E","userId":"u_1","messageId":"m"}],"writeKey":"` + writeKey + `"}`
	h := newHouse(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	for _, packed := range []bool{false, true} {
		for _, length := range []bool{false, true} {
			text := body
			if packed {
				text = gzipped(t, body)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/b", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if !length {
				r.ContentLength = -1
			}
			r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
			if packed {
				r.Header.Set("Content-Encoding", "gzip")
			}
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("gzip %v, length %v: got %d", packed, length, resp.StatusCode)
			}
		}
	}
	if got := h.log(t); len(got) != 4 {
		t.Errorf("got %d events, want 4", len(got))
	}
}

func TestTrap05_WriteKeyInTheBody(t *testing.T) {
	for key, want := range map[string]int{writeKey: http.StatusOK, "wk-other": http.StatusOK, "wrong": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		h := newHouse(t)
		got := h.send(t, http.MethodPost, "/v1/t", `{"event":"E","userId":"u_1","writeKey":"`+key+`"}`)
		if got.status != want || (len(h.log(t)) == 1) != (want == http.StatusOK) {
			t.Errorf("%q: got %d and %d events, want %d", key, got.status, len(h.log(t)), want)
		}
	}
	// A key in the header that is wrong is not mended by one in the body.
	h := newHouse(t)
	for _, wrong := range []func(*http.Request){
		func(r *http.Request) { r.SetBasicAuth("wrong", "") },
		func(r *http.Request) { r.SetBasicAuth(writeKey, "password") },
		header("Authorization", "nonsense"),
		header("Authorization", "Bearer wrong"),
	} {
		h.send(t, http.MethodPost, "/v1/t", `{"event":"E","userId":"u_1","writeKey":"`+writeKey+`"}`, wrong).want(t, http.StatusUnauthorized)
	}
	h.send(t, http.MethodPost, "/v1/t", `{"event":"E","userId":"u_1"}`, header("Authorization", "Bearer "+writeKey)).success(t)
}

func TestTrap06_IDsThatAreNullEmptyOrMissing(t *testing.T) {
	for body, person := range map[string]string{
		`{"event":"E","userId":null,"anonymousId":"a_1"}`: "a_1",
		`{"event":"E","userId":"","anonymousId":"a_1"}`:   "a_1",
		`{"event":"E","anonymousId":"a_1"}`:               "a_1",
		`{"event":"E","userId":"u_1","anonymousId":null}`: "u_1",
		`{"event":"E","userId":48213}`:                    "48213",
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/track", body, withKey).success(t)
		if e := h.only(t); e.Person != person {
			t.Errorf("%s: got %q, want %q", body, e.Person, person)
		}
	}
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":null,"anonymousId":""}`, withKey, header("X-Strict-Mode", "1")).success(t)
	h.onlyKept(t, normalise.ReasonNoIdentity)
}

func TestTrap07_BodyNullAndDataNull(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPut, customerPath, `null`, withTrack).success(t)
	h.send(t, http.MethodPost, customerPath+"/events", `{"name":"E","data":null}`, withTrack).success(t)
	h.send(t, http.MethodPost, customerPath+"/suppress", `null`, withTrack).success(t)
	if got := h.log(t); len(got) != 3 || got[0].Kind != event.KindIdentify || got[1].Name != "E" || got[2].Kind != event.KindErase {
		t.Errorf("got %+v", got)
	}
}

func TestTrap08_LastUsedAsText(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPut, customerPath+"/devices", `{"device":{"id":"d","platform":"android","last_used":"1791193800","attributes":null}}`, withTrack).success(t)
	if got := h.only(t).Properties.Numbers["device_last_used"]; got != 1791193800 {
		t.Errorf("got %v", got)
	}
}

func TestTrap09_RepeatsOfWhatHasNoIDGetTheSameOne(t *testing.T) {
	h := newHouse(t)
	send := func(path, body string) string {
		t.Helper()
		h.send(t, http.MethodPost, path, body, withTrack).success(t)
		got := h.log(t)
		return got[len(got)-1].ID
	}
	const timed, timeless = `{"name":"E","timestamp":1791190800,"data":{"a":1}}`, `{"name":"E","data":{"a":1}}`
	events := customerPath + "/events"
	first, firstTimeless := send(events, timed), send(events, timeless)
	h.clock = h.clock.Add(2 * time.Second)
	if got := send(events, timed); got != first {
		t.Errorf("repeat: got %s, want %s", got, first)
	}
	if got := send(events, timeless); got != firstTimeless {
		t.Errorf("repeat without a time: got %s, want %s", got, firstTimeless)
	}
	for what, other := range map[string]string{
		"another person":  send("/api/v1/customers/u_2/events", timed),
		"other data":      send(events, strings.Replace(timed, "1}", "2}", 1)),
		"another time":    send(events, strings.Replace(timed, "800", "801", 1)),
		"the time unsaid": firstTimeless,
	} {
		if other == first {
			t.Errorf("%s: got the same id", what)
		}
	}
	// A real repeat: the same words a day later are another event.
	h.clock = h.clock.Add(24 * time.Hour)
	if got := send(events, timeless); got == firstTimeless {
		t.Error("the same a day later: got the same id")
	}
	if got := send(events, timed); got != first {
		t.Errorf("a day later, with its time: got %s, want %s", got, first)
	}
}

func TestTrap09_ErasingTwiceErasesTwice(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, customerPath+"/suppress", "", withTrack).success(t)
	h.clock = h.clock.Add(time.Second)
	h.send(t, http.MethodPost, customerPath+"/unsuppress", "", withTrack).success(t)
	h.clock = h.clock.Add(time.Second)
	h.send(t, http.MethodPost, customerPath+"/suppress", "", withTrack).success(t)
	if got := h.log(t); len(got) != 3 || got[0].ID == got[2].ID {
		t.Errorf("got %+v, want three different events", got)
	}
}

func TestTrap10_AnonymousIDThatIsADelivery(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"anonymousId":"dlv","event":"Report Delivery Event","properties":{"metric":"opened","deliveryId":"dlv","recipient":"tok"}}`, withKey).success(t)
	h.onlyKept(t, normalise.ReasonNoIdentity)
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"userId":"u_1","event":"Report Delivery Event","properties":{"metric":"opened","deliveryId":"dlv"}}`, withKey).success(t)
	if e := h.only(t); e.Kind != event.KindEngagement || e.Name != "delivery_opened" || e.Properties.Strings["delivery_id"] != "dlv" {
		t.Errorf("got %+v", e)
	}
}

func TestTrap11_RecipientsAndRecipient(t *testing.T) {
	h := newHouse(t)
	h.report(t, `{"event_id":"e","object_type":"push","metric":"sent","timestamp":1791190800,"data":{"identifiers":{"id":"u"},"recipients":[{"device_id":"d"}]}}`).success(t)
	if e := h.only(t); e.Properties.Nested["recipients"] != `[{"device_id":"d"}]` {
		t.Errorf("got %+v", e.Properties)
	}
}

func TestTrap12_JSONInsideText(t *testing.T) {
	const format = `{"event_id":"e","object_type":"customer","metric":"cio_subscription_preferences_changed","timestamp":1791190800,"data":{"identifiers":{"id":"u"},"content":%s}}`
	h := newHouse(t)
	h.report(t, fmt.Sprintf(format, `"{\"topics\":{\"topic_1\":true},\"channels\":{\"email\":false}}"`)).success(t)
	want := map[string]bool{"cio_subscription_preferences.topics.topic_1": true, "cio_subscription_preferences.channels.email": false}
	if e := h.only(t); e.Kind != event.KindSubscription || cmp.Diff(want, e.Properties.Booleans) != "" {
		t.Errorf("got %v %+v", e.Kind, e.Properties)
	}
	// What is no JSON inside is kept as the text it is.
	h = newHouse(t)
	h.report(t, fmt.Sprintf(format, `"{broken"`)).success(t)
	if e := h.only(t); e.Properties.Strings["cio_subscription_preferences"] != "{broken" {
		t.Errorf("got %+v", e.Properties)
	}
}

func TestTrap13_ObjectTypeByAnyOfItsNames(t *testing.T) {
	for _, key := range []string{"object_type", "object_type_type", "delivery_type"} {
		h := newHouse(t)
		h.report(t, `{"event_id":"e","`+key+`":"email","metric":"opened","timestamp":1791190800,"data":{"identifiers":{"id":"u"}}}`).success(t)
		if e := h.only(t); e.Name != "email_opened" {
			t.Errorf("%s: got %q", key, e.Name)
		}
	}
}

func TestTrap14_UnknownPairsAreTaken(t *testing.T) {
	h := newHouse(t)
	h.report(t, `{"event_id":"e","object_type":"pigeon","metric":"released","timestamp":1791190800,"data":{"identifiers":{"id":"u"},"new":{"a":[1]}}}`).success(t)
	if e := h.only(t); e.Name != "pigeon_released" || e.Properties.Nested["new"] != `{"a":[1]}` {
		t.Errorf("got %+v", e)
	}
}

func TestTrap15_BothShapesOfEmailUnsubscribedTellOfConsent(t *testing.T) {
	for _, data := range []string{
		`{"identifiers":{"id":"u"},"customer_id":"u","email_address":"a@example.com"}`,
		`{"identifiers":{"id":"u"},"delivery_id":"d","subject":"S","recipient":"a@example.com"}`,
	} {
		h := newHouse(t)
		h.report(t, `{"event_id":"e","object_type":"email","metric":"unsubscribed","timestamp":1791190800,"data":`+data+`}`).success(t)
		if e := h.only(t); e.Kind != event.KindSubscription || !e.Properties.Booleans["unsubscribed"] {
			t.Errorf("%s: got %v %+v", data, e.Kind, e.Properties)
		}
	}
}

func TestTrap16_TheSameMetricByTwoRoadsHasOneName(t *testing.T) {
	h := newHouse(t)
	h.report(t, `{"event_id":"e","object_type":"email","metric":"clicked","timestamp":1791190800,"data":{"identifiers":{"id":"u"},"delivery_id":"d"}}`).success(t)
	h.send(t, http.MethodPost, "/v1/webhooks/pipelines", `{"type":"track","event":"Email Link Clicked","userId":"u","messageId":"m","timestamp":"2026-10-05T09:00:00Z","properties":{"delivery_id":"d"}}`,
		header("Authorization", token)).success(t)
	got := h.log(t)
	if len(got) != 2 || got[0].Name != got[1].Name || got[0].Kind != got[1].Kind || got[0].EventAt != got[1].EventAt || got[0].Source == got[1].Source {
		t.Errorf("got %+v", got)
	}
	// A shop's own event of that name, without a delivery, is behaviour.
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"Email Link Clicked","userId":"u"}`, withKey).success(t)
	if e := h.only(t); e.Kind != event.KindTrack || e.Name != "Email Link Clicked" {
		t.Errorf("got %v %q", e.Kind, e.Name)
	}
}

func TestTrap17_MergesAreTakenFromWhoTellsThem(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/api/v1/merge_customers", `{"primary":{"id":"a"},"secondary":{"email":"b@example.com"}}`, withTrack).success(t)
	if e := h.only(t); e.Kind != event.KindMerge || e.Person != h.cfg.Keys.EmailKey("b@example.com") || e.Other.Email != "b@example.com" ||
		e.Properties.Strings[event.PropertyInto] != "a" {
		t.Errorf("got %+v", e)
	}
	h = newHouse(t)
	h.send(t, http.MethodPost, "/api/v1/merge_customers", `{"primary":{"id":"a"}}`, withTrack).want(t, http.StatusBadRequest)
}

func TestTrap18_IDsInPaths(t *testing.T) {
	for escaped, want := range map[string]event.Identifiers{
		"a%2Fb":                    {CustomerID: "a/b"},
		"a%2F..%2Fb":               {CustomerID: "a/../b"},
		"%2F%2F":                   {CustomerID: "//"},
		"%2e%2e":                   {CustomerID: ".."},
		"me@example.com":           {Email: "me@example.com"},
		"me%2Btag%40example.com":   {Email: "me+tag@example.com"},
		"me+tag@example.com":       {Email: "me+tag@example.com"},
		"cio_d9a10600":             {CioID: "d9a10600"},
		"%2B15550100221":           {CustomerID: "+15550100221"},
		"%C3%BC%20%F0%9F%A6%94":    {CustomerID: "ü 🦔"},
		"%7B%7Bp1%7D%7D%3Ax%00%0A": {CustomerID: "{{p1}}:x\x00\n"},
	} {
		h := newHouse(t)
		h.send(t, http.MethodPut, "/api/v1/customers/"+escaped, `{"a":1}`, withTrack).success(t)
		if e := h.only(t); e.IDs != want {
			t.Errorf("%s: got %+v, want %+v", escaped, e.IDs, want)
		}
	}
	// What the standard mux would redirect is refused: somewhere else it means something else.
	for _, path := range []string{"/api/v1/customers/../events", "/api/v1/customers//events", "/api/v1/customers/./events", "/v1//track", "/v1/track/.."} {
		h := newHouse(t)
		h.send(t, http.MethodPost, path, `{"name":"E","anonymous_id":"a"}`, withTrack).want(t, http.StatusNotFound)
	}
}

func TestTrap19_PushEventsWithoutThePrefix(t *testing.T) {
	for _, path := range []string{"/push/events", "/api/v1/push/events"} {
		h := newHouse(t)
		h.send(t, http.MethodPost, path, `{"delivery_id":"d","device_id":"t","event":"opened","timestamp":1791190800}`).success(t)
		h.onlyKept(t, normalise.ReasonNoIdentity)
	}
}

func TestTrap20And22_LateEventsKeepTheirTimeAndEarlyOnesAreClamped(t *testing.T) {
	h := newHouse(t)
	week := now().Add(-7 * 24 * time.Hour).Unix()
	h.report(t, fmt.Sprintf(`{"event_id":"e","object_type":"email","metric":"opened","timestamp":%d,"data":{"identifiers":{"id":"u"}}}`, week)).success(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","timestamp":"2019-01-01T00:00:00Z"}`, withKey).success(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","timestamp":"2026-10-06T10:00:00Z"}`, withKey).success(t)
	got := h.log(t)
	if got[0].EventAt != week*1000 || got[1].EventAt != 1546300800000 || got[0].Clamped || got[1].Clamped {
		t.Errorf("late: got %+v", got[:2])
	}
	if got[2].EventAt != now().UnixMilli() || !got[2].Clamped {
		t.Errorf("ahead of time: got %+v", got[2])
	}
}

func TestTrap21_207OnlyFromABatchOfV2(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/api/v2/entity", `{"type":"person","action":"dance","identifiers":{"id":"a"}}`, withTrack).want(t, http.StatusBadRequest)
	h = newHouse(t)
	got := h.send(t, http.MethodPost, "/api/v2/batch", `{"batch":[
		{"type":"person","action":"identify","identifiers":{"id":"a"}},
		{"type":"person","action":"dance","identifiers":{"id":"b"}},
		{"type":"person","action":"event","identifiers":{"id":"c"}},
		{"type":"person","action":"delete","identifiers":{"id":"d"}}]}`, withTrack)
	got.want(t, http.StatusMultiStatus)
	want := `{"errors":[{"batch_index":1,"reason":"unknown_type","field":"action","message":"this type has no such action"},` +
		`{"batch_index":2,"reason":"missing_field","field":"name","message":"name is required"}]}`
	if got.body != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
	if events := h.log(t); len(events) != 2 || len(h.kept(t)) != 2 {
		t.Errorf("got %d events and %d in quarantine, want 2 and 2", len(events), len(h.kept(t)))
	}
}
