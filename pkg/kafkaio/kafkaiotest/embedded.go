// Package kafkaiotest proves what package kafkaio promises, over any broker: the
// embedded one and a real cluster run the same suite. It also starts embedded
// brokers for the tests of other packages. It never enters a product.
package kafkaiotest

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Embedded is a broker in this process, in memory, on a free loopback port.
type Embedded struct {
	Brokers []string
	Cluster *kfake.Cluster // to break it
}

// StartEmbedded starts one broker that ends with the test. Options come after
// the defaults and override them.
func StartEmbedded(tb testing.TB, opts ...kfake.Opt) *Embedded {
	tb.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		tb.Fatalf("start the embedded broker: %v", err)
	}
	tb.Cleanup(cluster.Close)
	return &Embedded{Brokers: cluster.ListenAddrs(), Cluster: cluster}
}
