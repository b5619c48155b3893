package security

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/topics"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// components are the principals, as docs/security.md names them.
var components = []string{"ingest", "processor", "sink", "console"}

func password(component string) string { return "password-of-" + component }

// passwordFile is how a service is told its password: not in its arguments.
func passwordFile(t *testing.T, component string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), component)
	if err := os.WriteFile(path, []byte(password(component)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file:" + path
}

// commands gives the lines of docs/security.md that begin with prefix, continued lines in one.
func commands(t *testing.T, prefix string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(document(t), "\\\n", " ")) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			lines = append(lines, rest)
		}
	}
	if len(lines) == 0 {
		t.Fatalf("docs/security.md has no line that begins with %q", prefix)
	}
	return lines
}

// secureKafka starts Apache Kafka with SASL over TLS and an authorizer, and gives each component
// the rights that docs/security.md gives it, with Kafka's own tool.
func secureKafka(t *testing.T, ca authority) (b *launch.Broker, admin *kafkaio.Client, platforms []string) {
	t.Helper()
	options := launch.KafkaOptions{Secure: "SASL_SSL", Properties: map[string]string{
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": ca.Both,
		"sasl.enabled.mechanisms":                               "SCRAM-SHA-512",
		"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"authorizer.class.name":                                 "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                                           "User:ANONYMOUS", // of the plain listener, which is the test's own
	}}
	for _, c := range components {
		options.Format = append(options.Format, "--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=cohortflow-%s,password=%s]", c, password(c)))
	}
	_, b = launch.Kafka(t, options)
	admin, err := kafkaio.Open(kafkaio.Config{Brokers: []string{b.Addr}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	rules, err := catalogue.Load(catalogues.DefaultName, catalogues.Default())
	if err != nil {
		t.Fatal(err)
	}
	platforms = sink.Platforms(rules)
	// The defaults of pkg/settings, which every service verifies.
	specs := topics.Specs(topics.Config{Partitions: partitions, LogRetention: 9600 * time.Hour, Retention: 720 * time.Hour, Platforms: platforms})
	if err := admin.EnsureTopics(t.Context(), specs, true); err != nil {
		t.Fatal(err)
	}
	var tools errgroup.Group
	tools.SetLimit(3)
	for _, line := range commands(t, "$acls ") {
		tools.Go(func() error {
			args := append([]string{"--bootstrap-server", b.Addr, "--add"}, strings.Fields(line)...)
			if out, err := launch.KafkaTool(t.Context(), "org.apache.kafka.tools.AclCommand", args...); err != nil {
				return fmt.Errorf("%s: %w\n%s", line, err, out)
			}
			return nil
		})
	}
	if err := tools.Wait(); err != nil {
		t.Fatal(err)
	}
	return b, admin, platforms
}

// as opens Kafka with the credentials of a component.
func as(t *testing.T, b *launch.Broker, ca authority, component, secret string) *kafkaio.Client {
	t.Helper()
	c, err := kafkaio.Open(kafkaio.Config{
		Brokers: []string{b.Secure}, TLS: kafkaio.TLSConfig{Enabled: true, CAFile: ca.CA},
		SASL: kafkaio.SASLConfig{Mechanism: "SCRAM-SHA-512", Username: "cohortflow-" + component, Password: secret},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// secureRedis starts Redis with TLS alone and the users of docs/security.md.
func secureRedis(t *testing.T, ca authority) (url string, addr string) {
	t.Helper()
	var file strings.Builder
	for _, line := range commands(t, "user ") {
		name, _, _ := strings.Cut(line, " ")
		fmt.Fprintf(&file, "user %s\n", strings.ReplaceAll(line, "PASSWORD", password(strings.TrimPrefix(name, "cohortflow-"))))
	}
	file.WriteString("user operator on >operator ~* &* +@all\n")
	path := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = free.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = free.Close()
	plain, _ := launch.Redis(t, "--tls-port", port, "--tls-cert-file", ca.Cert, "--tls-key-file", ca.Key, "--tls-ca-cert-file", ca.CA,
		"--tls-auth-clients", "no", "--aclfile", path)
	if answer := ask(t, addr, ca, []string{"AUTH", "operator", "operator"}, []string{"CONFIG", "SET", "port", "0"}); answer != "+OK" {
		t.Fatalf("close the plain port: %s", answer)
	}
	if conn, err := net.DialTimeout("tcp", plain, time.Second); err == nil {
		_ = conn.Close()
		t.Error("Redis still answers without TLS")
	}
	return "rediss://" + addr, addr
}

// ask sends commands to Redis over TLS and gives the first line of the last answer.
func ask(t *testing.T, addr string, ca authority, commands ...[]string) string {
	t.Helper()
	conn, err := (&tls.Dialer{Config: ca.clientSide}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	var line string
	for _, words := range commands {
		fmt.Fprintf(conn, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(w), w)
		}
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSpace(line)
}

// The whole flow with the least rights of docs/security.md, over TLS everywhere; and each
// component is refused what is another's.
func TestRights_FlowWorksWithTheLeastAndNothingMoreIsAllowed(t *testing.T) {
	launch.Need(t, launch.PartKafka, launch.PartRedis)
	ca := newAuthority(t)
	broker, admin, platforms := secureKafka(t, ca)
	url, redis := secureRedis(t, ca)
	settings := func(component string, more ...string) map[string]string {
		s := map[string]string{
			"kafka-brokers": broker.Secure, "kafka-tls": "true", "kafka-tls-ca": ca.CA, "kafka-sasl": "SCRAM-SHA-512",
			"kafka-sasl-user": "cohortflow-" + component, "kafka-sasl-password": passwordFile(t, component),
			"partitions": strconv.Itoa(partitions), "create-topics": "false", "seal-secret": sealSecret,
		}
		for i := 0; i+1 < len(more); i += 2 {
			s[more[i]] = more[i+1]
		}
		return s
	}
	withRedis := func(component string, more ...string) map[string]string {
		return settings(component, append(more, "redis", url, "redis-tls-ca", ca.CA, "redis-user", "cohortflow-"+component, "redis-password", passwordFile(t, component))...)
	}
	ingest := begin(t, "ingest", settings("ingest", "pipelines-write-keys", writeKey))
	begin(t, "processor", withRedis("processor")).ready(t)
	begin(t, "sink", settings("sink")).ready(t)
	console := begin(t, "console", withRedis("console", "console-keys", "a-key-to-read-with")).ready(t)
	ingest.ready(t)

	body := `{"batch":[{"type":"identify","userId":"u_1","traits":{"email":"ada@example.com"}},{"type":"track","event":"Order Completed","userId":"u_1","messageId":"o-1","properties":{"order_id":"o-1","total":12.5}}]}`
	if status, text, err := do(t.Context(), http.MethodPost, "http://"+ingest.http+"/v1/batch", "Basic YXR0YWNrLXdyaXRlLWtleTo=", body); err != nil || status != http.StatusOK {
		t.Fatalf("ingest: got %d %s %v", status, text, err)
	}
	eventually(t, time.Minute, func() error { return suppressed(t.Context(), admin, platforms) })
	eventually(t, 30*time.Second, func() error {
		status, text, err := get(t.Context(), "http://"+console.http+"/v1/people/u_1", "Bearer a-key-to-read-with")
		if err == nil && (status != http.StatusOK || !strings.Contains(text, "recent_purchaser")) {
			err = fmt.Errorf("console: got %d %.300s", status, text)
		}
		return err
	})

	// Where there is nothing to read, nobody is told that they may not. A record without a time is older than any
	// retention, and is gone when the broker looks for the first time, 30 s after its start.
	for _, topic := range []string{schemas.QuarantineTopic, schemas.ReceiptsTopic, schemas.DeadLetterTopic, schemas.ProfilesTopic} {
		p := admin.NewProducer(kafkaio.ProducerConfig{Topic: topic})
		if err := p.Produce(t.Context(), []kafkaio.OutRecord{{Timestamp: time.Now().UnixMilli(), Key: []byte("k"), Value: []byte("v")}}); err != nil {
			t.Fatal(err)
		}
		_ = p.Close(t.Context())
	}
	t.Run("kafka", func(t *testing.T) { refusedByKafka(t, broker, ca, platforms) })
	t.Run("redis", func(t *testing.T) { refusedByRedis(t, redis, ca) })
}

// suppressed is nil when some platform has been told of the purchase.
func suppressed(ctx context.Context, c *kafkaio.Client, platforms []string) error {
	for _, p := range platforms {
		records, err := tail.Read(ctx, c, schemas.SuppressionTopic(p), partitions)
		if err != nil {
			return err
		}
		for i := range records {
			var s avrocodec.Suppression
			if mark, err := avrocodec.DecodeSuppression(records[i].Value, &s, nil); err == nil && !mark && s.Op == "SUPPRESS" {
				return nil
			}
		}
	}
	return errors.New("no platform has been told of the purchase")
}

func refusedByKafka(t *testing.T, broker *launch.Broker, ca authority, platforms []string) {
	ads := schemas.SuppressionTopic(platforms[0])
	all := []string{schemas.EventsTopic, schemas.QuarantineTopic, schemas.TransitionsTopic, schemas.ProfilesTopic, schemas.ReceiptsTopic, schemas.DeadLetterTopic, ads}
	may := map[string]struct{ read, write []string }{
		"ingest":    {nil, []string{schemas.EventsTopic, schemas.QuarantineTopic}},
		"processor": {[]string{schemas.EventsTopic, schemas.TransitionsTopic, schemas.ProfilesTopic}, []string{schemas.EventsTopic, schemas.TransitionsTopic, schemas.ProfilesTopic}},
		"sink":      {[]string{schemas.TransitionsTopic, ads}, []string{schemas.ReceiptsTopic, schemas.DeadLetterTopic, ads}},
		"console":   {[]string{schemas.EventsTopic, schemas.ReceiptsTopic}, nil},
	}
	for _, component := range components {
		t.Run(component, func(t *testing.T) {
			c := as(t, broker, ca, component, password(component))
			refused := func(what string, err error) {
				t.Helper()
				if err == nil || !strings.Contains(strings.ToLower(err.Error()), "authoriz") {
					t.Errorf("%s: got %v, want that it is not authorized", what, err)
				}
			}
			within := func() context.Context {
				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				t.Cleanup(cancel)
				return ctx
			}
			for _, topic := range all {
				if !slices.Contains(may[component].read, topic) {
					_, err := c.ReadRange(within(), topic, 0, 0, 1)
					refused("read "+topic, err)
				}
				if !slices.Contains(may[component].write, topic) {
					p := c.NewProducer(kafkaio.ProducerConfig{Topic: topic, Timeout: 3 * time.Second})
					err := p.Produce(within(), []kafkaio.OutRecord{{Key: []byte("k"), Value: []byte("v")}})
					if err == nil {
						t.Errorf("it may write %s", topic)
					} else {
						t.Logf("write %s: %v", topic, err)
					}
					_ = p.Close(within())
				}
			}
			refused("create a topic", c.EnsureTopics(within(), []kafkaio.TopicSpec{{Name: "of-nobody", Partitions: 1}}, true))
			foreign := map[string]string{"processor": "cohortflow.ads." + platforms[0] + "-p0"}[component]
			if foreign == "" {
				foreign = "cohortflow.processor-p0"
			}
			_, err := c.TakeEpoch(within(), foreign)
			refused("take the fence of another", err)
		})
	}
	for name, err := range map[string]error{
		"a wrong password": as(t, broker, ca, "ingest", "wrong").Ping(t.Context()),
		"a user unknown":   as(t, broker, ca, "nobody", "wrong").Ping(t.Context()),
		"another authority": func() error {
			other := newAuthority(t)
			return as(t, broker, other, "ingest", password("ingest")).Ping(t.Context())
		}(),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func refusedByRedis(t *testing.T, addr string, ca authority) {
	for _, component := range []string{"processor", "console"} {
		login := []string{"AUTH", "cohortflow-" + component, password(component)}
		for _, command := range []string{
			"FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET dir /tmp", "CONFIG REWRITE", "KEYS *", "EVAL return(1) 0", "FUNCTION LIST",
			"SCRIPT FLUSH", "MODULE LIST", "SHUTDOWN", "REPLICAOF NO ONE", "SAVE", "ACL LIST", "CLIENT LIST", "MONITOR",
			"RESTORE a 0 x", "MIGRATE h 1 k 0 1", "DUMP {p0}:c", "SUBSCRIBE x", "GET other:{p0}:c", "GET secret", "SET other:{p0}:c x", "HSET {q0}:s:00 a b",
		} {
			if answer := ask(t, addr, ca, login, strings.Fields(command)); !strings.HasPrefix(answer, "-NOPERM") {
				t.Errorf("%s: %s: got %s, want NOPERM", component, command, answer)
			}
		}
		if answer := ask(t, addr, ca, login, []string{"GET", "{p0}:c"}); strings.HasPrefix(answer, "-") {
			t.Errorf("%s: read a checkpoint: %s", component, answer)
		}
	}
	for _, command := range []string{"SET {p0}:c x", "HDEL {p0}:s:00 a", "UNLINK {p0}:c", "APPEND {p0}:d:1 x"} {
		if answer := ask(t, addr, ca, []string{"AUTH", "cohortflow-console", password("console")}, strings.Fields(command)); !strings.HasPrefix(answer, "-NOPERM") {
			t.Errorf("console: %s: got %s, want NOPERM", command, answer)
		}
	}
	if answer := ask(t, addr, ca, []string{"AUTH", "cohortflow-console", password("console")}, []string{"SCAN", "0"}); !strings.HasPrefix(answer, "-NOPERM") {
		t.Errorf("console: SCAN: got %s, want NOPERM", answer)
	}
	store, err := redisstate.Open(redisstate.Config{
		URL: "rediss://" + addr, CAFile: ca.CA, Username: "cohortflow-processor", Password: password("processor"),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	// It expects no checkpoint: so it may also remove what a rebuild finds.
	if err := store.Commit(t.Context(), 7, redisstate.Commit{Next: []byte("c"), People: []redisstate.Person{{Key: "u", Blob: []byte("b")}}, Deadlines: []redisstate.Bucket{{ID: 1, Append: []byte("d")}}}); err != nil {
		t.Error(err)
	}
	if _, err := store.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if answer := ask(t, addr, ca, []string{"GET", "{p0}:c"}); !strings.HasPrefix(answer, "-NOAUTH") {
		t.Errorf("nobody: got %s, want NOAUTH", answer)
	}
	if answer := ask(t, addr, ca, []string{"AUTH", "default", ""}); !strings.HasPrefix(answer, "-WRONGPASS") {
		t.Errorf("the default user: got %s, want WRONGPASS", answer)
	}
}
