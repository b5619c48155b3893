package settings

import (
	"strings"
	"testing"
)

func TestKafka_PlaintextBeyondThisMachineHasToBeAsked(t *testing.T) {
	for _, c := range []struct {
		k    Kafka
		want string // part of the error
	}{
		{Kafka{Brokers: []string{"127.0.0.1:9092", "[::1]:9092", "localhost:9092"}}, ""},
		{Kafka{Brokers: []string{"127.0.0.1:9092", "kafka:9092"}}, "kafka:9092 is not this machine"},
		{Kafka{Brokers: []string{"10.1.2.3:9092"}, SASL: "PLAIN", SASLUser: "u", SASLPassword: "p"}, "set kafka-tls, or kafka-plaintext"},
		{Kafka{Brokers: []string{"kafka:9092"}, Plaintext: true}, ""},
		{Kafka{Brokers: []string{"kafka:9092"}, TLS: true}, ""},
		{Kafka{Brokers: []string{"kafka"}}, "is not host:port"},
	} {
		client, err := c.k.Open("test", nil)
		switch {
		case err == nil:
			_ = client.Close()
			if c.want != "" {
				t.Errorf("%v: opened, want an error about %q", c.k.Brokers, c.want)
			}
		case c.want == "" || !strings.Contains(err.Error(), c.want):
			t.Errorf("%v: got %v, want %q", c.k.Brokers, err, c.want)
		}
	}
}
