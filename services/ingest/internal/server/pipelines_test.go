package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

const mixedBatch = `{"batch":[
	{"type":"track","event":"E","userId":"u_1","messageId":"m1"},
	{"type":"track","userId":"u_1","messageId":"m2"},
	{"type":"juggle","userId":"u_1","messageId":"m3"},
	{"type":"identify","userId":"u_2","messageId":"m4"},
	{"type":"page"}]}`

func TestPipelines_WrongCallsAreKeptAndTheRestIsTaken(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).success(t)
	if got := h.log(t); len(got) != 2 || got[0].ID != "m1" || got[1].ID != "m4" {
		t.Errorf("got %+v", got)
	}
	var reasons []string
	for _, q := range h.kept(t) {
		reasons = append(reasons, q.Reason)
	}
	if diff := cmp.Diff([]string{normalise.ReasonMissing, normalise.ReasonUnknownType, normalise.ReasonNoIdentity}, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if q := h.kept(t)[0]; string(q.Body) != `{"type":"track","userId":"u_1","messageId":"m2"}` || q.Path != "/v1/batch" || q.Workspace != "main" {
		t.Errorf("got %+v, want the one call as it came", q)
	}
}

func TestPipelines_StrictModeTellsWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	got := h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey, header("X-Strict-Mode", "1"))
	got.want(t, http.StatusBadRequest)
	var p problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Errors) != 2 || *p.Errors[0].BatchIndex != 1 || *p.Errors[1].BatchIndex != 2 || len(p.Meta.Errors) != 2 {
		t.Errorf("got %s", got.body)
	}
	// The calls that are right are in the log all the same: a repeat gives them the same ids.
	if n := len(h.log(t)); n != 2 {
		t.Errorf("got %d events, want 2", n)
	}
}

// The refusal has every form that a client looks for.
func TestRefusal_IsTheUnionOfAllForms(t *testing.T) {
	h := newHouse(t)
	for what, got := range map[string]reply{
		"unauthorized": h.send(t, http.MethodPost, "/v1/track", `{}`),
		"invalid":      h.send(t, http.MethodPost, customerPath+"/events", `{}`, withTrack),
		"not found":    h.send(t, http.MethodGet, "/nothing/here", ""),
		"strict":       h.send(t, http.MethodPost, "/v1/track", `{}`, withKey, header("X-Strict-Mode", "1")),
	} {
		var body struct {
			Code, Message string
			Meta          struct {
				Error  string
				Errors []string
			}
			Errors []struct{ Reason, Field, Message *string }
		}
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got.status < 400 || got.status > 499 || body.Code == "" || body.Message == "" || body.Meta.Error == "" || len(body.Meta.Errors) != 1 ||
			len(body.Errors) != 1 || body.Errors[0].Reason == nil || body.Errors[0].Field == nil || body.Errors[0].Message == nil {
			t.Errorf("%s: got %d %s", what, got.status, got.body)
		}
	}
}

func TestPipelines_BodyThatIsNoJSON(t *testing.T) {
	for body, reason := range map[string]string{
		``: normalise.ReasonMalformed, `{`: normalise.ReasonMalformed, `{"batch":[{}`: normalise.ReasonMalformed, `nonsense`: normalise.ReasonMalformed,
		`null`: normalise.ReasonShape, `[]`: normalise.ReasonShape, `"x"`: normalise.ReasonShape,
		`{"batch":[]} trailing`: normalise.ReasonMalformed, `{"batch":{}}`: normalise.ReasonMissing, `{}`: normalise.ReasonMissing,
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/batch", body, withKey).success(t)
		if q := h.onlyKept(t, reason); string(q.Body) != body {
			t.Errorf("got %q, want the bytes as they came", q.Body)
		}
		// From somebody who shows no key it is not kept, and no client should repeat it.
		h = newHouse(t)
		got := h.send(t, http.MethodPost, "/v1/batch", body)
		if got.status != http.StatusBadRequest && got.status != http.StatusUnauthorized || len(h.kept(t)) != 0 {
			t.Errorf("%q without a key: got %d and %d in quarantine", body, got.status, len(h.kept(t)))
		}
	}
}

func TestPipelines_DuplicateKeysCostTheOneCall(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/batch", `{"batch":[{"type":"track","event":"E","userId":"a","userId":"b"},{"type":"track","event":"E","userId":"c"}]}`, withKey).success(t)
	if got := h.log(t); len(got) != 1 || got[0].Person != "c" || h.kept(t)[0].Reason != normalise.ReasonMalformed {
		t.Errorf("got %+v and %+v", got, h.kept(t))
	}
}

func TestPipelines_PathSaysTheTypeAndEnvelopeHoldsForAll(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/identify", `{"type":"track","event":"E","userId":"u"}`, withKey).success(t)
	if e := h.only(t); e.Kind != event.KindIdentify {
		t.Errorf("got %v, want what the path says", e.Kind)
	}
	h = newHouse(t)
	h.send(t, http.MethodPost, "/v1/batch", `{"messageId":"outer","context":{"traits":{"email":"a@example.com"}},"batch":[{"type":"track","event":"E","userId":"u"}]}`, withKey).success(t)
	if e := h.only(t); e.IDs.Email != "a@example.com" || e.ID == "outer" {
		t.Errorf("got %+v", e)
	}
}

// A phone whose clock is an hour ahead: what it says of the time is held against when
// its message arrived.
func TestPipelines_WrongClocksAreCorrected(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/b", `{"writeKey":"`+writeKey+`","sentAt":"2026-10-05T11:00:05Z","batch":[
		{"type":"track","event":"E","userId":"u","originalTimestamp":"2026-10-05T11:00:00Z"}]}`).success(t)
	if e := h.only(t); e.EventAt != now().UnixMilli()-5000 || e.Clamped {
		t.Errorf("got %d, want 5 s before acceptance", e.EventAt)
	}
}

func TestPipelines_SemanticEventsAreCommands(t *testing.T) {
	for name, kind := range map[string]event.Kind{
		"Device Created or Updated": event.KindDevice, "Device Deleted": event.KindDevice, "User Deleted": event.KindErase, "User Suppressed": event.KindErase,
		"User Unsuppressed": event.KindUnerase, "Relationship Deleted": event.KindRelation, "Object Deleted": event.KindRelation,
		"Report Content Event": event.KindEngagement, "Order Completed": event.KindTrack,
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/track", `{"event":"`+name+`","userId":"u","properties":{"actionType":"viewed_content"}}`, withKey).success(t)
		if e := h.only(t); e.Kind != kind {
			t.Errorf("%s: got %v, want %v", name, e.Kind, kind)
		}
	}
}

func TestPipelines_RequestIsOneProduce(t *testing.T) {
	h := newHouse(t)
	var b strings.Builder
	b.WriteString(`{"batch":[`)
	for i := range 500 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"type":"track","event":"E","userId":"u"}`)
	}
	b.WriteString(`]}`)
	h.send(t, http.MethodPost, "/v1/batch", b.String(), withKey).success(t)
	if records, calls := h.events.taken(); len(records) != 500 || calls != 1 {
		t.Errorf("got %d records in %d calls, want 500 in 1", len(records), calls)
	}
}

func TestPipelines_SameRequestTwiceHasTheSameIDs(t *testing.T) {
	h := newHouse(t)
	const body = `{"batch":[{"type":"track","event":"A","userId":"u"},{"type":"track","event":"A","userId":"v","messageId":"m"},{"type":"identify","userId":"u","timestamp":"2026-10-05T09:00:00Z"}]}`
	h.send(t, http.MethodPost, "/v1/batch", body, withKey).success(t)
	h.send(t, http.MethodPost, "/v1/batch", body, withKey).success(t)
	got := h.log(t)
	if len(got) != 6 || got[0].ID == got[1].ID || got[0].ID == got[2].ID {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff(got[:3], got[3:]); diff != "" {
		t.Errorf("the repeat differs (-first +second):\n%s", diff)
	}
}

func TestBrowser_SeesAnswersButNotThoseThatPass(t *testing.T) {
	h := newHouse(t)
	plain := []func(*http.Request){header("Content-Type", "text/plain"), header("Origin", "https://shop.example")}
	body := `{"event":"E","userId":"u","writeKey":"` + writeKey + `"}`
	got := h.send(t, http.MethodPost, "/v1/t", body, plain...)
	got.success(t)
	if got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got headers %v: the browser would send it again", got.header)
	}
	h.events.down = errNotOpen
	got = h.send(t, http.MethodPost, "/v1/t", body, plain...)
	got.want(t, http.StatusServiceUnavailable)
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got headers %v: the browser would throw the event away", got.header)
	}
	got = h.send(t, http.MethodOptions, "/v1/track", "", header("Access-Control-Request-Method", "POST"), header("Access-Control-Request-Headers", "authorization"))
	if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") ||
		got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: got %d %v", got.status, got.header)
	}
	h.send(t, http.MethodPost, "/v1/m", `{"series":[]}`, plain...).success(t)
}

func TestSettings_TellClientsWhereToSend(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/v1/projects/" + writeKey + "/settings", "/projects/" + writeKey + "/settings"} {
		got := h.send(t, http.MethodGet, path, "", func(r *http.Request) { r.Host = "events.example.com:8443" })
		got.want(t, http.StatusOK)
		want := `{"integrations":{"Customer.io Data Pipelines":{"apiHost":"events.example.com:8443/v1","apiKey":"` + writeKey + `"}}}`
		if got.body != want || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("got %s %v, want %s", got.body, got.header, want)
		}
	}
	h.send(t, http.MethodGet, "/v1/projects/unknown/settings", "").want(t, http.StatusNotFound)
	h = newHouse(t, func(c *Config) { c.PublicHost = "public.example" })
	if got := h.send(t, http.MethodGet, "/v1/projects/"+writeKey+"/settings", ""); !strings.Contains(got.body, `"public.example/v1"`) {
		t.Errorf("got %s", got.body)
	}
}

func TestEventClock_AcceptedIsTheEventsOwnTime(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.EventClock = true })
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","timestamp":"2030-01-01T00:00:00Z"}`, withKey, header(replayHeader, "1")).success(t)
	if e := h.only(t); e.AcceptedAt != 1893456000000 || e.EventAt != e.AcceptedAt || e.Clamped || !e.Replay {
		t.Errorf("got %+v", e)
	}
}

func TestConsent_AsCustomerIoReadsIt(t *testing.T) {
	for value, want := range map[string]bool{
		`true`: true, `1`: true, `"1"`: true, `"TRUE"`: true, `"true"`: true, `false`: false, `0`: false, `"no"`: false, `""`: false, `2`: false, `{}`: false,
	} {
		h := newHouse(t)
		h.send(t, http.MethodPut, customerPath, `{"unsubscribed":`+value+`}`, withTrack).success(t)
		if got, ok := h.only(t).Properties.Booleans["unsubscribed"]; !ok || got != want {
			t.Errorf("%s: got %v %v, want %v", value, got, ok, want)
		}
	}
}
