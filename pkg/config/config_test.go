package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type kafka struct {
	Brokers  []string `help:"Bootstrap addresses."`
	Password string   `help:"SASL password." secret:"true"`
}

type flags struct {
	DataDir    string            `default:"./data" help:"Where state lies."`
	Kafka      kafka             `embed:"" prefix:"kafka-"`
	Partitions int               `default:"12"`
	Wait       time.Duration     `default:"250ms"`
	Verbose    bool              `default:"false"`
	Keys       map[string]string `secret:"true"`
	Labels     map[string]string
	Redis      string
	Clock      string `enum:"wall,events" default:"wall"`
	APIToken   string // no tag: caught by its name
}

func (f *flags) Validate() error {
	if f.Partitions < 1 {
		return errors.New("partitions must be at least 1")
	}
	return nil
}

// run parses without touching the process; exit is -1 when it was not asked for.
func run(t *testing.T, args ...string) (got flags, out string, exit int, err error) {
	t.Helper()
	exit = -1
	var buf bytes.Buffer
	_, err = parse(&got, "cohortflow-test", "A test.", args, options{stdout: &buf, exit: func(code int) { exit = code }})
	return got, buf.String(), exit, err
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParse_FlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	path := file(t, "data-dir: from-file\npartitions: 3\nwait: 1s\n")
	t.Setenv("COHORTFLOW_PARTITIONS", "4")
	t.Setenv("COHORTFLOW_WAIT", "2s")
	got, _, _, err := run(t, "--config", path, "--wait", "3s")
	if err != nil {
		t.Fatal(err)
	}
	want := flags{DataDir: "from-file", Partitions: 4, Wait: 3 * time.Second, Clock: "wall"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParse_FileFormsAreOne(t *testing.T) {
	want := flags{
		DataDir: "./data", Partitions: 12, Wait: 250 * time.Millisecond, Clock: "events", Verbose: true,
		Kafka: kafka{Brokers: []string{"a:1", "b:2"}}, Labels: map[string]string{"team": "growth"},
	}
	for name, text := range map[string]string{
		"flat":             "kafka-brokers: [a:1, b:2]\nverbose: true\nclock: events\nlabels: {team: growth}\n",
		"nested":           "kafka:\n  brokers:\n    - a:1\n    - b:2\nverbose: true\nclock: events\nlabels:\n  team: growth\n",
		"underscore":       "kafka_brokers: a:1,b:2\nverbose: yes\nclock: events\nlabels: team=growth\n",
		"with empty value": "# a comment\nkafka-brokers: [a:1, b:2]\nwait:\nverbose: true\nclock: events\nlabels: {team: growth}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("COHORTFLOW_CONFIG", file(t, text))
			got, _, _, err := run(t)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParse_EveryFaultOfAFileIsNamedWithItsPlace(t *testing.T) {
	path := file(t, "partitons: 3\nkafka:\n  broker: x\nno-such-thing-at-all: 1\nwait: 1s\nwait_: 2\n")
	_, _, _, err := run(t, "--config", path)
	if err == nil {
		t.Fatal("unknown settings were taken")
	}
	for _, want := range []string{
		path + `:1:1: unknown setting "partitons", did you mean "partitions"?`,
		path + `:3:3: unknown setting "kafka-broker", did you mean "kafka-brokers"?`,
		path + `:4:1: unknown setting "no-such-thing-at-all": see --help`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant it to hold %q", err, want)
		}
	}
}

func TestParse_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":          {[]string{"--partitons=3"}, "--partitions"},
		"validation":            {[]string{"--partitions=0"}, "at least 1"},
		"set twice":             {[]string{"--config", file(t, "kafka-brokers: x\nkafka: {brokers: y}\n")}, "set twice"},
		"bad yaml":              {[]string{"--config", file(t, "a: [1\n")}, "settings"},
		"not a map":             {[]string{"--config", file(t, "- 1\n")}, "must be a map"},
		"flag only":             {[]string{"--config", file(t, "config: x\n")}, "flag only"},
		"wrong type":            {[]string{"--config", file(t, "partitions: many\n")}, "--partitions"},
		"no file":               {[]string{"--config", "absent.yaml"}, "no such file"},
		"enum":                  {[]string{"--clock=moon"}, "wall"},
		"secret file not there": {[]string{"--kafka-password=file:absent"}, "read secret"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, exit, err := run(t, c.args...)
			if err == nil || exit != -1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v (exit %d), want an error with %q", err, exit, c.want)
			}
		})
	}
}

func TestParse_SecretFromFile(t *testing.T) {
	path := file(t, "s3cret\n")
	t.Setenv("COHORTFLOW_KAFKA_PASSWORD", "file:"+path)
	got, _, _, err := run(t, "--redis=file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Kafka.Password != "s3cret" {
		t.Errorf("secret: got %q, want the content of the file without its line end", got.Kafka.Password)
	}
	if got.Redis != "file:"+path {
		t.Errorf("a plain setting was read from a file: %q", got.Redis)
	}
}

func TestCheckConfig_ShowsValuesAndHidesSecrets(t *testing.T) {
	path := file(t, "kafka: {password: canary1}\nkeys: {a: canary2}\napi-token: canary3\nredis: redis://user:canary4@host:6379/0\n")
	_, out, exit, err := run(t, "--check-config", "--config", path, "--kafka-brokers=a:1,b:2")
	if err != nil || exit != 0 {
		t.Fatalf("got exit %d, %v", exit, err)
	}
	if strings.Contains(out, "canary") {
		t.Errorf("a secret is shown:\n%s", out)
	}
	for _, want := range []string{"partitions: 12", "wait: 250ms", "- a:1", "# kafka-password: (set, not shown)", "# api-token: (set", "host:6379"} {
		if !strings.Contains(out, want) {
			t.Errorf("got:\n%s\nwant a line %q", out, want)
		}
	}
	// What it prints is a file that it reads.
	again, _, _, err := run(t, "--config", file(t, out))
	if err != nil || len(again.Kafka.Brokers) != 2 || again.Wait != 250*time.Millisecond {
		t.Errorf("read back: got %+v, %v", again, err)
	}
}

func TestCheckConfig_WrongSettingsAreNotShownAsGood(t *testing.T) {
	if _, out, exit, err := run(t, "--check-config", "--partitions=0"); err == nil || exit != -1 || out != "" {
		t.Errorf("got exit %d, %v, %q", exit, err, out)
	}
}

func TestVersion_IsPrintedEvenWhenSettingsAreWrong(t *testing.T) {
	_, out, exit, err := run(t, "--partitions=0", "--version")
	if err != nil || exit != 0 || out != "cohortflow-test "+Version()+"\n" {
		t.Errorf("got %q exit %d, %v", out, exit, err)
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add("kafka: {brokers: [a]}\n")
	f.Add("a: &x {b: *x}\n")
	f.Add("? [1]\n: 2\n")
	f.Add("!!binary x: 1\n<<: {a: 1}\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := readFile("f.yaml", []byte(text), nil)
		if err == nil && len(values) > 0 {
			t.Errorf("took %v though no setting is known", values)
		}
	})
}
