package e2e

import (
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/clients"
	"github.com/cohortflow/cohortflow/test/clients/faultproxy"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/oracle"
)

const ottoRoles = "view=clicks,cart=carts,order=orders"

// The official clients, unchanged, through a proxy that answers 500 now and then, with
// every seventh event sent twice.
func TestClients_EqualTheExpectedAnswer(t *testing.T) {
	launch.Need(t, launch.PartNode, launch.PartPython)
	for _, client := range clients.Senders {
		t.Run(string(client), func(t *testing.T) {
			p := start(t)
			every := 5
			if client == clients.Pipelines || client == clients.Track {
				every = 50 // one event a request, and these clients wait long before they repeat one
			}
			proxy, err := faultproxy.New(faultproxy.Config{Target: p.url(), Every: every, When: faultproxy.InTurns})
			if err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(proxy)
			defer front.Close()
			file, want := launch.Shared(t, "data/otto_sample.csv.gz"), expected(t, "otto_sample")
			o := clients.Options{URL: front.URL, Key: writeKey, File: file, Map: ottoRoles, Redeliver: 7, Batch: 20}
			if client == clients.Track {
				o.Site, o.Key = trackSite, trackKey
				want = wholeSeconds(t, file)
			}
			report, err := clients.Send(t.Context(), client, o)
			if err != nil {
				t.Fatal(err)
			}
			if report.Errors != 0 || report.Sent == 0 {
				t.Fatalf("the client gave up on something: %+v", report)
			}
			p.drain()
			p.judge(want)
		})
	}
}

// wholeSeconds asks the oracle for the answer to the file with its times cut to seconds,
// which is what the Track API knows.
func wholeSeconds(t *testing.T, file string) []oracle.Row {
	t.Helper()
	dir := t.TempDir()
	cut, out := filepath.Join(dir, "cut.csv"), filepath.Join(dir, "out.csv")
	const program = `
import csv, gzip, sys
with gzip.open(sys.argv[1], "rt", newline="") as f, open(sys.argv[2], "w", newline="") as g:
    rows = csv.DictReader(f)
    w = csv.DictWriter(g, rows.fieldnames, lineterminator="\n")
    w.writeheader()
    for r in rows:
        r["event_time"] = r["event_time"][:19] + "Z"
        w.writerow(r)
`
	for _, args := range [][]string{
		{"-c", program, file, cut},
		{launch.Shared(t, "oracle/oracle.py"), cut, launch.Shared(t, "oracle/cohorts.json"), "--out", out},
	} {
		if text, err := exec.CommandContext(t.Context(), "python3", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	rows, err := oracle.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Confluent's own consumer and deserialiser read every topic by the registry that the
// process serves itself.
func TestTopics_AreReadByAStockDeserialiser(t *testing.T) {
	launch.Need(t, launch.PartPython)
	p := start(t)
	p.send(recorded(t, "otto_sample"))
	p.drain()
	topics := []string{schemas.EventsTopic, schemas.TransitionsTopic, schemas.ProfilesTopic, schemas.SuppressionTopic("meta"), schemas.SuppressionTopic("google")}
	reports, err := clients.ReadTopics(t.Context(), p.cfg.Addresses.Kafka, "http://"+p.cfg.Addresses.Registry, topics...)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if reports[topic].Records == 0 {
			t.Errorf("%s: no record was read", topic)
		}
	}
}
