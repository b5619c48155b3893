package kafkaio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

func TestRangeBalancer_DoesNotDependOnTheOrderOfAnswers(t *testing.T) {
	members := []kafka.GroupMember{{ID: "c", Topics: []string{"x"}}, {ID: "a", Topics: []string{"x"}}, {ID: "b", Topics: []string{"x"}}}
	var partitions []kafka.Partition
	for _, id := range []int{5, 0, 7, 1, 6, 3, 2, 4} {
		partitions = append(partitions, kafka.Partition{Topic: "x", ID: id})
	}
	want := kafka.GroupMemberAssignments{
		"a": {"x": {0, 1}}, "b": {"x": {2, 3, 4}}, "c": {"x": {5, 6, 7}},
	}
	for range 3 {
		if diff := cmp.Diff(want, rangeBalancer{}.AssignGroups(members, partitions)); diff != "" {
			t.Fatalf("assignment differs (-want +got):\n%s", diff)
		}
		members = append(members[1:], members[0])
		partitions = append(partitions[3:], partitions[:3]...)
	}
}

func TestRangeBalancer_MoreMembersThanPartitions(t *testing.T) {
	members := []kafka.GroupMember{{ID: "a", Topics: []string{"x"}}, {ID: "b", Topics: []string{"x"}}, {ID: "c", Topics: []string{"x"}}}
	got := rangeBalancer{}.AssignGroups(members, []kafka.Partition{{Topic: "x", ID: 0}})
	total := 0
	for _, a := range got {
		total += len(a["x"])
	}
	if len(got) != 3 || total != 1 {
		t.Errorf("got %v, want three members and one partition", got)
	}
}

// The exchange of RFC 7677 section 3.
func TestScram_AsTheStandardSays(t *testing.T) {
	mech, err := newScram("SCRAM-SHA-256", "user", "pencil")
	if err != nil {
		t.Fatal(err)
	}
	m, ok := mech.(*scram)
	if !ok {
		t.Fatalf("mechanism of type %T", mech)
	}
	x := &scramExchange{mech: m, nonce: "rOprNGfwEbeRWgbNEkqO"}
	x.first = "n=user,r=" + x.nonce
	server := "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	done, final, err := x.Next(t.Context(), []byte(server))
	want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if err != nil || done || string(final) != want {
		t.Fatalf("got %q, done %v, error %v", final, done, err)
	}
	if done, _, err := x.Next(t.Context(), []byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err != nil || !done {
		t.Errorf("the server's true proof: done %v, error %v", done, err)
	}
	if done, _, err := x.Next(t.Context(), []byte("v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err == nil || done {
		t.Error("a false proof of the server was accepted")
	}
	fresh := &scramExchange{mech: m, nonce: "abc", first: "n=user,r=abc"}
	for _, bad := range []string{"r=abcd,s=AAAA,i=1", "r=abcd,s=AAAA,i=999999999", "r=xyz,s=AAAA,i=4096", "r=abc,s=AAAA,i=4096", "e=invalid-proof"} {
		if _, _, err := fresh.Next(t.Context(), []byte(bad)); err == nil {
			t.Errorf("challenge %q was accepted", bad)
		}
	}
}

func TestOpen_NamesEveryFault(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no broker":       {Config{}, "none given"},
		"no port":         {Config{Brokers: []string{"kafka"}}, "is not host:port"},
		"tls files alone": {Config{Brokers: []string{"k:1"}, TLS: TLSConfig{CAFile: "ca.pem"}}, "TLS is off"},
		"missing ca":      {Config{Brokers: []string{"k:1"}, TLS: TLSConfig{Enabled: true, CAFile: "/does/not/exist"}}, "ca file"},
		"half a pair":     {Config{Brokers: []string{"k:1"}, TLS: TLSConfig{Enabled: true, CertFile: "c.pem"}}, "both cert file and key file"},
		"mechanism":       {Config{Brokers: []string{"k:1"}, SASL: SASLConfig{Mechanism: "GSSAPI", Username: "u"}}, "want PLAIN"},
		"no user":         {Config{Brokers: []string{"k:1"}, SASL: SASLConfig{Mechanism: "PLAIN"}}, "user name is empty"},
	} {
		if _, err := Open(c.cfg, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %q", name, err, c.want)
		}
	}
}

func TestRecordingConn_FollowsFramesAcrossWrites(t *testing.T) {
	var table versionTable
	c := &recordingConn{Conn: discardConn{}, table: &table}
	frames := []byte("\x00\x00\x00\x06\x00\x01\x00\x0bxx" + "\x00\x00\x00\x09\x00\x00\x00\x08xxxxx" + "\x00\x00\x00\x04\x00\x03\x00\x08")
	for len(frames) > 0 {
		n := min(3, len(frames))
		if _, err := c.Write(frames[:n]); err != nil {
			t.Fatal(err)
		}
		frames = frames[n:]
	}
	client := &Client{}
	for i := range table {
		client.versions[i].Store(table[i].Load())
	}
	if diff := cmp.Diff(map[string]int16{"Fetch": 11, "Produce": 8, "Metadata": 8}, client.Versions()); diff != "" {
		t.Errorf("versions differ (-want +got):\n%s", diff)
	}
}

func FuzzParseFetch(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01x\x00\x00\x00\x01" + strings.Repeat("\x00", 42)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseFetch(b, "x")
		if err == nil && len(got) > len(b)/42 {
			t.Errorf("%d partitions out of %d bytes", len(got), len(b))
		}
		if err := parseProduce(b, []*job{{topic: "x"}}); err == nil && len(b) == 0 {
			t.Error("an empty answer was accepted")
		}
	})
}
