package server

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

const reportingPath = "/v1/webhooks/customerio"

func sha256Of(key, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte("v0:" + timestamp + ":"))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func sha1Of(key string, body []byte) string {
	m := hmac.New(sha1.New, []byte(key))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// signed signs as Customer.io signs reporting webhooks.
func signed(key string, at time.Time, body []byte) func(*http.Request) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return func(r *http.Request) {
		r.Header.Set("X-CIO-Timestamp", stamp)
		r.Header.Set("X-CIO-Signature", sha256Of(key, stamp, body))
	}
}

// report sends one signed reporting webhook.
func (h *house) report(tb testing.TB, body string, change ...func(*http.Request)) reply {
	tb.Helper()
	return h.send(tb, http.MethodPost, reportingPath, body, append([]func(*http.Request){signed(signingKey, h.clock, []byte(body))}, change...)...)
}

const opened = `{"event_id":"e1","object_type":"email","metric":"opened","timestamp":1791190870,"data":{"identifiers":{"id":"u_1"},"delivery_id":"d1"}}`

type vectors struct {
	Body    string
	Webhook struct {
		Key       string `json:"signing_key"`
		Timestamp string `json:"x_cio_timestamp"`
		Signature string `json:"x_cio_signature"`
	} `json:"reporting_webhook"`
	Destination struct {
		Secret    string `json:"shared_secret"`
		Signature string `json:"x_signature"`
	} `json:"webhook_destination"`
	Reject []struct {
		Why       string
		Body      string
		Timestamp string `json:"x_cio_timestamp"`
		Signature string `json:"x_cio_signature"`
	}
}

func TestSignature_VectorsOfTheOfficialVerifier(t *testing.T) {
	var v vectors
	readJSON(t, filepath.Join(samplesDir(t), "90-signature-vectors.json"), &v)
	keyed := func(c *Config) {
		var err error
		if c.ReportingSecrets, err = auth.NewSigners("test", "main", []string{"another", v.Webhook.Key}); err != nil {
			t.Fatal(err)
		}
		if c.DestinationSecrets, err = auth.NewSigners("test", "main", []string{v.Destination.Secret}); err != nil {
			t.Fatal(err)
		}
	}
	h := newHouse(t, keyed)
	stamp := header("X-CIO-Timestamp", v.Webhook.Timestamp)
	h.send(t, http.MethodPost, reportingPath, v.Body, stamp, header("X-CIO-Signature", v.Webhook.Signature)).success(t)
	if e := h.only(t); e.Name != "email_opened" || e.Workspace != "main" {
		t.Errorf("got %+v", e)
	}
	if len(v.Reject) < 4 {
		t.Fatalf("got %d vectors to be refused, want 4", len(v.Reject))
	}
	for _, r := range v.Reject {
		h := newHouse(t, keyed)
		body := r.Body
		if body == "" {
			body = v.Body
		}
		got := h.send(t, http.MethodPost, reportingPath, body, header("X-CIO-Timestamp", r.Timestamp), header("X-CIO-Signature", r.Signature))
		if got.status != http.StatusUnauthorized || len(h.log(t)) != 0 || len(h.kept(t)) != 0 {
			t.Errorf("%s: got %d, %d events, %d in quarantine; want 401 and nothing kept", r.Why, got.status, len(h.log(t)), len(h.kept(t)))
		}
	}
	// The destination's vector is over the same body, which is no call: authentic, so kept.
	h = newHouse(t, keyed)
	h.send(t, http.MethodPost, "/v1/webhooks/pipelines", v.Body, header("X-Signature", v.Destination.Signature)).success(t)
	h.onlyKept(t, normalise.ReasonUnknownType)
}

func TestSignature_HeadersThatAreMissingOrRepeatedAreRefused(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"no signature":    func(r *http.Request) { r.Header.Del("X-CIO-Signature") },
		"no timestamp":    func(r *http.Request) { r.Header.Del("X-CIO-Timestamp") },
		"signature twice": func(r *http.Request) { r.Header.Add("X-CIO-Signature", r.Header.Get("X-CIO-Signature")) },
		"timestamp twice": func(r *http.Request) { r.Header.Add("X-CIO-Timestamp", r.Header.Get("X-CIO-Timestamp")) },
		"upper case": func(r *http.Request) {
			r.Header.Set("X-CIO-Signature", strings.ToUpper(r.Header.Get("X-CIO-Signature")))
		},
		"empty signature":          func(r *http.Request) { r.Header.Set("X-CIO-Signature", "") },
		"key of another surface":   signed(sharedSecret, now(), []byte(opened)),
		"signed without the stamp": func(r *http.Request) { r.Header.Set("X-CIO-Signature", sha256Of(signingKey, "", []byte(opened))) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.report(t, opened, change).want(t, http.StatusUnauthorized)
			if _, calls := h.events.taken(); calls != 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestSignature_NoKeyRefusesEverybody(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.ReportingSecrets = &auth.Signers{}; c.DestinationSecrets = &auth.Signers{} })
	h.send(t, http.MethodPost, reportingPath, opened, signed("", now(), []byte(opened))).want(t, http.StatusUnauthorized)
	h.send(t, http.MethodPost, "/v1/webhooks/pipelines", `{}`, header("X-Signature", sha1Of("", []byte(`{}`)))).want(t, http.StatusUnauthorized)
}

func TestSignature_EveryFlippedBitIsNoticed(t *testing.T) {
	h := newHouse(t)
	for i := range opened {
		body := []byte(opened)
		body[i] ^= 1
		got := h.send(t, http.MethodPost, reportingPath, string(body), signed(signingKey, now(), []byte(opened)))
		if got.status != http.StatusUnauthorized {
			t.Fatalf("byte %d: got %d, want 401", i, got.status)
		}
	}
}

func TestSignature_OlderKeyIsValidAndTellsTheWorkspace(t *testing.T) {
	h := newHouse(t)
	h.report(t, opened, signed(olderKey, now(), []byte(opened))).success(t)
	if e := h.only(t); e.Workspace != otherWorkspace {
		t.Errorf("got workspace %q, want %q", e.Workspace, otherWorkspace)
	}
}

func TestReplayWindow_AuthenticButOldGoesToQuarantine(t *testing.T) {
	for _, off := range []time.Duration{-9 * 24 * time.Hour, 9 * 24 * time.Hour} {
		h := newHouse(t)
		h.report(t, opened, signed(signingKey, now().Add(off), []byte(opened))).success(t)
		if q := h.onlyKept(t, normalise.ReasonReplayWindow); string(q.Body) != opened {
			t.Errorf("got body %q", q.Body)
		}
	}
	h := newHouse(t, func(c *Config) { c.ReplayWindow = 0 })
	h.report(t, opened, signed(signingKey, now().Add(-time.Hour*24*365), []byte(opened))).success(t)
	h.only(t)
}

func TestDestination_TokenAdmitsWhatIsUnsigned(t *testing.T) {
	const body = `{"type":"track","event":"E","userId":"u","messageId":"m"}`
	for name, change := range map[string]func(*http.Request){
		"bearer":                              header("Authorization", "Bearer "+token),
		"bare":                                header("Authorization", token),
		"basic, as the password":              func(r *http.Request) { r.SetBasicAuth("x", token) },
		"basic, as the user":                  func(r *http.Request) { r.SetBasicAuth(token, "") },
		"signature":                           header("X-Signature", sha1Of(sharedSecret, []byte(body))),
		"token beside a signature of nothing": func(r *http.Request) { r.Header.Set("X-Signature", "00"); r.Header.Set("Authorization", token) },
	} {
		h := newHouse(t)
		if got := h.send(t, http.MethodPost, "/v1/webhooks/pipelines", body, change); got.status != http.StatusOK || len(h.log(t)) != 1 {
			t.Errorf("%s: got %d and %d events", name, got.status, len(h.log(t)))
		}
	}
	for name, change := range map[string]func(*http.Request){
		"nothing":         func(*http.Request) {},
		"wrong token":     header("Authorization", "Bearer x"),
		"empty token":     header("Authorization", "Bearer "),
		"empty basic":     func(r *http.Request) { r.SetBasicAuth("", "") },
		"wrong signature": header("X-Signature", sha1Of("x", []byte(body))),
		"sha256":          header("X-Signature", sha256Of(sharedSecret, "", []byte(body))),
	} {
		h := newHouse(t)
		if got := h.send(t, http.MethodPost, "/v1/webhooks/pipelines", body, change); got.status != http.StatusUnauthorized || len(h.log(t)) != 0 {
			t.Errorf("%s: got %d and %d events, want 401", name, got.status, len(h.log(t)))
		}
	}
}
