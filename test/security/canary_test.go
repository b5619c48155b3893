package security

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// What must not be found anywhere it does not belong.
const (
	canaryEmail    = "canary.person@canary-mail.example"
	canaryPhone    = "+4520123987"
	canaryName     = "Canariensis"
	canaryCustomer = "canary-customer-5b1e"
	canaryProperty = "canary-property-91aa"

	canaryWrite     = "canary-write-key-11"
	canarySite      = "canary-site-22"
	canaryTrack     = "canary-track-key-33"
	canarySigning   = "canary-signing-44"
	canaryErase     = "canary-erase-key-55"
	canaryConsole   = "canary-console-key-66"
	canarySalesWing = "canary-saleswings-77"
	canarySeal      = "ca9a12ca9a12ca9a12ca9a12ca9a12ca9a12ca9a12ca9a12ca9a12ca9a12ca9a"
)

var (
	secrets  = []string{canaryWrite, canarySite, canaryTrack, canarySigning, canaryErase, canaryConsole, canarySalesWing, canarySeal}
	contacts = []string{canaryEmail, "canary.person", "canary-mail", canaryPhone, "20123987", canaryName, canaryProperty}
)

// found tells which of the words stand in the text, plain or as a URL, JSON or upper case has them.
func found(text []byte, words ...[]string) (all []string) {
	lower := bytes.ToLower(text)
	for _, list := range words {
		for _, w := range list {
			for _, form := range []string{w, url.QueryEscape(w), url.PathEscape(w)} {
				if bytes.Contains(lower, []byte(strings.ToLower(form))) {
					all = append(all, w)
					break
				}
			}
		}
	}
	return all
}

// clean fails when any of the words stands in the text, and shows where.
func clean(t *testing.T, what string, text []byte, words ...[]string) {
	t.Helper()
	for _, w := range found(text, words...) {
		at := max(0, bytes.Index(bytes.ToLower(text), []byte(strings.ToLower(w))))
		t.Errorf("%s holds %s: ...%q...", what, w, text[max(0, at-120):min(len(text), at+80)])
	}
}

// An echoing destination repeats in its answers the key and the body that it was sent, as careless ones do.
func echoing(t *testing.T) (address string, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status := http.StatusOK
		switch n := requests.Add(1); {
		case n == 1:
			status = http.StatusInternalServerError
		case n < 6: // a batch that is refused is split: its parts end as dead letters
			status = http.StatusBadRequest
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"message":%q}`, "cannot use "+r.Header.Get("Authorization")+" for "+string(body))
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// One flow with canaries for everything secret and personal, good calls and bad ones, a destination
// that fails with an echo, the log at debug, and spans and metrics written out beside it.
func TestCanary_NothingSecretOrPersonalLeavesItsPlace(t *testing.T) {
	destination, requests := echoing(t)
	settings := map[string]string{
		"partitions": fmt.Sprint(partitions), "seal-secret": canarySeal, "log-level": "debug", "anonymous-rate": "1000",
		"pipelines-write-keys": canaryWrite, "track-keys": canarySite + ":" + canaryTrack, "reporting-keys": canarySigning,
		"erase-keys": canaryErase, "console-keys": canaryConsole, "saleswings-key": canarySalesWing, "saleswings-url": destination,
	}
	var store *launch.Server
	if launch.Missing(launch.PartRedis) == nil {
		var addr string
		addr, store = launch.Redis(t)
		settings["redis"] = "redis://" + addr
	}
	p := begin(t, "standalone", settings, "OTEL_TRACES_EXPORTER=console", "OTEL_METRICS_EXPORTER=console", "OTEL_METRIC_EXPORT_INTERVAL=1000").ready(t)

	var answers bytes.Buffer
	call := func(method, to, authorization, body string) {
		t.Helper()
		status, text, err := do(t.Context(), method, to, authorization, body)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&answers, "%s: %d %s\n", method, status, text)
	}
	basic := func(user, password string) string {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	in, out := "http://"+p.http, "http://"+p.console
	who := fmt.Sprintf(`"userId":%q,"traits":{"email":%q,"phone":%q,"name":%q}`, canaryCustomer, canaryEmail, canaryPhone, canaryName)
	write, track, read := basic(canaryWrite, ""), basic(canarySite, canaryTrack), "Bearer "+canaryConsole
	call("POST", in+"/v1/identify", write, `{`+who+`}`)
	call("POST", in+"/v1/track", write, fmt.Sprintf(`{"event":"Order Completed","userId":%q,"messageId":"c-1","properties":{"order_id":%q,"total":5,"email":%q}}`, canaryCustomer, canaryProperty, canaryEmail))
	call("PUT", in+"/api/v1/customers/"+url.PathEscape(canaryEmail)+"?note="+canaryName, track, fmt.Sprintf(`{"email":%q,"phone":%q}`, canaryEmail, canaryPhone))
	for _, key := range []string{"", write, track, basic("wrong", canaryName), "Bearer " + canaryEmail} {
		for _, body := range []string{`{"` + canaryEmail, `{` + who + `,` + who + `}`, `[["` + canaryPhone + `"]]`, `{"event":"` + canaryName + "\x00\xff" + `","userId":"` + canaryEmail + `"}`, canaryProperty} {
			call("POST", in+"/v1/track", key, body)
			call("POST", in+"/v1/batch", key, `{"batch":[`+body+`]}`)
			call("POST", in+"/api/v2/batch", key, body)
			call("POST", in+"/api/v1/customers/"+url.PathEscape(canaryEmail)+"/events", key, body)
			call("POST", in+"/webhooks/reporting", key, body)
			call("POST", in+"/v1/webhooks/pipelines", key, body)
			call("POST", in+"/"+canaryName+"/"+url.PathEscape(canaryEmail), key, body)
		}
	}
	call("GET", in+"/v1/projects/"+canaryName+"/settings", "", "")
	call("POST", in+"/v1/erase", "Bearer "+canaryErase, fmt.Sprintf(`{"email":%q,"mode":"forget"}`, canaryEmail))
	call("POST", in+"/v1/erase", "Bearer "+canaryName, fmt.Sprintf(`{"email":%q,"mode":"delete"}`, canaryEmail))
	eventually(t, time.Minute, func() error {
		if n := requests.Load(); n < 3 {
			return fmt.Errorf("the destination was asked %d times", n)
		}
		return nil
	})
	for _, path := range []string{canaryCustomer, url.PathEscape(canaryEmail) + "?by=email", canaryName, canaryName + "/explain?at=" + canaryProperty, canaryCustomer + "?by=" + canaryName} {
		for _, key := range []string{"", read, "Bearer " + canaryName} {
			call("GET", out+"/v1/people/"+path, key, "")
		}
	}
	call("POST", in+"/v1/erase", "Bearer "+canaryErase, fmt.Sprintf(`{"customer_id":%q,"mode":"delete"}`, canaryCustomer))

	c, err := kafkaio.Open(kafkaio.Config{Brokers: []string{p.kafka}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	rules, err := catalogue.Load(catalogues.DefaultName, catalogues.Default())
	if err != nil {
		t.Fatal(err)
	}
	topics := []string{schemas.EventsTopic, schemas.QuarantineTopic, schemas.TransitionsTopic, schemas.ProfilesTopic, schemas.ReceiptsTopic, schemas.DeadLetterTopic}
	for _, platform := range sink.Platforms(rules) {
		topics = append(topics, schemas.SuppressionTopic(platform))
	}
	eventually(t, time.Minute, func() error { // the erasure has reached the last of them
		records, err := tail.Read(t.Context(), c, schemas.ProfilesTopic, partitions)
		if err != nil {
			return err
		}
		for i := range records {
			if string(records[i].Key) == canaryCustomer && len(records[i].Value) == 0 {
				return nil
			}
		}
		return fmt.Errorf("no tombstone among %d profiles", len(records))
	})
	eventually(t, 30*time.Second, func() error { // what was refused is written a moment later
		records, err := tail.Read(t.Context(), c, schemas.DeadLetterTopic, partitions)
		if err == nil && len(records) == 0 {
			err = errors.New("no dead letter")
		}
		return err
	})
	for _, topic := range topics {
		records, err := tail.Read(t.Context(), c, topic, partitions)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d records", topic, len(records))
		if len(records) == 0 {
			t.Errorf("%s is empty, so there is nothing to look at", topic)
		}
		for i := range records {
			r := &records[i]
			clean(t, "a key of "+topic, r.Key, contacts, secrets)
			clean(t, "headers of "+topic, fmt.Append(nil, r.Headers), contacts, secrets)
			if topic == schemas.EventsTopic || topic == schemas.QuarantineTopic {
				clean(t, topic, r.Value, secrets)
			} else {
				clean(t, topic, r.Value, contacts, secrets)
			}
		}
	}
	_, metrics, err := get(t.Context(), "http://"+p.admin+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	if err == nil {
		clean(t, "the arguments of the process", arguments, contacts, secrets)
	}
	p.end() // what is buffered is written out
	person := []string{canaryCustomer}
	said := p.said(t)
	for what, least := range map[string]int{`"SpanContext"`: 50, `"ScopeMetrics"`: 1, `"level":"WARN"`: 1} {
		if n := strings.Count(said, what); n < least {
			t.Errorf("the log has %s %d times, so there is little to look at; want %d", what, n, least)
		}
	}
	clean(t, "log, spans or metrics", []byte(said), contacts, secrets, person)
	clean(t, "/metrics", []byte(metrics), contacts, secrets, person)
	for line := range strings.Lines(answers.String()) {
		if strings.Contains(line, `"cohorts"`) || strings.Contains(line, `"person"`) {
			continue // the read API answers about the person whom it was asked for
		}
		clean(t, "an answer", []byte(line), contacts, secrets, person)
	}
	if store != nil {
		clean(t, "Redis", redisContent(t, store), contacts, secrets)
	}
}

// redisContent is all that Redis has written of what it was told.
func redisContent(t *testing.T, s *launch.Server) (all []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no append-only file in %s: %v", s.Dir, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

// redisKey is the form of every key of ours.
var redisKey = regexp.MustCompile(`^\{p[0-9]+\}:(c|s:[0-9a-f]{2}|d:-?[0-9]+)$`)

// Ids of people are values in Redis and never parts of keys: none moves a key to another slot, ends
// it early or names another's.
func TestInjection_IDsNeverShapeKeys(t *testing.T) {
	launch.Need(t, launch.PartRedis)
	addr, redis := launch.Redis(t)
	p := begin(t, "standalone", map[string]string{
		"partitions": fmt.Sprint(partitions), "seal-secret": sealSecret, "pipelines-write-keys": writeKey, "redis": "redis://" + addr,
	}).ready(t)
	taken := map[string]string{ // the id as JSON has it, and as it is
		`a{p9}b`: "a{p9}b", `{p0}:c`: "{p0}:c", `x:y:z`: "x:y:z", `}{`: "}{", `..%2f..`: "..%2f..", `*?[a]`: "*?[a]", `a\r\nFLUSHALL\r\nb`: "a\r\nFLUSHALL\r\nb",
		`nul\u0000in`: "nul\x00in", `ümläut 🛒`: "ümläut 🛒", `$6\r\nSET x y`: "$6\r\nSET x y",
	}
	for form := range taken {
		body := `{"event":"Order Completed","userId":"` + form + `","properties":{"order_id":"o"}}`
		if status, text, err := do(t.Context(), "POST", "http://"+p.http+"/v1/track", "Basic YXR0YWNrLXdyaXRlLWtleTo=", body); err != nil || status != http.StatusOK {
			t.Fatalf("%q: got %d %s %v", form, status, text, err)
		}
	}
	long := strings.Repeat("l", 10<<10)
	if status, _, err := do(t.Context(), "POST", "http://"+p.http+"/v1/track", "Basic YXR0YWNrLXdyaXRlLWtleTo=", `{"event":"E","userId":"`+long+`"}`); err != nil || status != http.StatusOK {
		t.Fatalf("10 kB: got %d %v", status, err)
	}
	for _, id := range taken {
		eventually(t, 30*time.Second, func() error {
			status, text, err := get(t.Context(), "http://"+p.console+"/v1/people/"+url.PathEscape(id), "")
			if err == nil && (status != http.StatusOK || !strings.Contains(text, "recent_purchaser")) {
				err = fmt.Errorf("%q: got %d %.200s", id, status, text)
			}
			return err
		})
	}
	keys, err := redis.Do("KEYS", "*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for key := range strings.SplitSeq(keys, "\n") {
		n++
		if !redisKey.MatchString(key) {
			t.Errorf("Redis has a key %q", key)
		}
	}
	t.Logf("%d keys for %d people", n, len(taken))
	if bytes.Contains(redisContent(t, redis), []byte(long[:2000])) {
		t.Error("an id of 10 kB is in Redis")
	}
}
