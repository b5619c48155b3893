package redisstate_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

func TestOpen_RefusesWithRemedyAndWithoutSecrets(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  redisstate.Config
		want string
	}{
		{"nothing", redisstate.Config{}, "redis://host:port"},
		{"no scheme", redisstate.Config{URL: "localhost:6379"}, "no scheme"},
		{"foreign scheme", redisstate.Config{URL: "http://user:geheim@localhost:6379"}, "redis://host:port"},
		{"unreadable", redisstate.Config{URL: "redis://user:geheim@local host:port"}, "redis://host:port"},
		{"cluster with a database", redisstate.Config{URL: "redis://a:1/2,b:2"}, "no database 2"},
		{"password in a later address", redisstate.Config{URL: "redis://a:1,user:geheim@b:2"}, "only the first address"},
		{"prefix that moves the slot", redisstate.Config{URL: "redis://a:1", Prefix: "{x}"}, "braces"},
		{"TLS without a look at who answers", redisstate.Config{URL: "rediss://user:geheim@a:1?skip_verify=true"}, "skip_verify"},
		{"files without TLS", redisstate.Config{URL: "redis://a:1", CAFile: "ca.pem"}, "rediss://"},
		{"a CA file that is not there", redisstate.Config{URL: "rediss://a:1", CAFile: "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
		{"a CA file without one", redisstate.Config{URL: "rediss://a:1", CAFile: "config_test.go"}, "no PEM certificate"},
		{"half a client certificate", redisstate.Config{URL: "rediss://a:1", CertFile: "cert.pem"}, "both"},
		{"negative timeout", redisstate.Config{URL: "redis://a:1", Timeout: -time.Second}, "negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := redisstate.Open(test.cfg, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got error %v, want one that says %q", err, test.want)
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestOpen_TakesEveryFormWithoutIO(t *testing.T) {
	for _, url := range []string{"redis://a:1", "rediss://user:geheim@a:1/3", "redis://a:1,", "a:1,b:2", "rediss://a:1,redis://b:2, c:3"} {
		open(t, redisstate.Config{URL: url, Prefix: "cohortflow:eu-1_a."})
	}
}
