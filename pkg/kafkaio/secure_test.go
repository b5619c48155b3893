package kafkaio_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

// selfSigned gives a server configuration, valid for the given name and for
// client certificates too, and the PEM files of certificate and key.
func selfSigned(t *testing.T, name string) (conf *tls.Config, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, certFile, keyFile
}

// works writes and reads and joins, which uses each kind of connection.
func works(t *testing.T, c *kafkaio.Client) {
	t.Helper()
	if err := c.Ping(within(t)); err != nil {
		t.Fatalf("ping: %v", err)
	}
	p := producer(t, c, kafkaio.ProducerConfig{Topic: "x"})
	if err := p.Produce(within(t), texts("a", 0, 2)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	if got := content(t, c, "x", 0); !slices.Equal(got, []string{"a0", "a1"}) {
		t.Errorf("read %q", got)
	}
	m, err := c.JoinGroup(within(t), kafkaio.GroupConfig{GroupID: "g", Topic: "x"})
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	defer m.Close()
	if _, err := m.Next(within(t)); err != nil {
		t.Fatalf("next: %v", err)
	}
}

func TestTLS_WithClientCertificateAndServerName(t *testing.T) {
	conf, certFile, keyFile := selfSigned(t, "kafka.test")
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"), kfake.TLS(conf))
	trust := kafkaio.TLSConfig{Enabled: true, CAFile: certFile, CertFile: certFile, KeyFile: keyFile}
	for _, name := range []string{"", "kafka.test"} {
		t.Run("name "+name, func(t *testing.T) {
			e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"), kfake.TLS(conf))
			works(t, open(t, e.Brokers, func(c *kafkaio.Config) { c.TLS = trust; c.TLS.ServerName = name }))
		})
	}
	for name, change := range map[string]func(*kafkaio.TLSConfig){
		"another name":      func(c *kafkaio.TLSConfig) { c.ServerName = "other.test" },
		"unknown authority": func(c *kafkaio.TLSConfig) { c.CAFile = "" },
		"no certificate":    func(c *kafkaio.TLSConfig) { c.CertFile, c.KeyFile = "", "" },
		"no tls":            func(c *kafkaio.TLSConfig) { *c = kafkaio.TLSConfig{} },
	} {
		wrong := trust
		change(&wrong)
		if err := open(t, e.Brokers, func(c *kafkaio.Config) { c.TLS = wrong; c.RequestTimeout = time.Second }).Ping(within(t)); err == nil {
			t.Errorf("%s: the connection was accepted", name)
		}
	}
}

func TestSASL_EveryMechanism(t *testing.T) {
	for _, mech := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mech, func(t *testing.T) {
			e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"), kfake.EnableSASL(), kfake.Superuser(mech, "us=er,1", "p@ss"))
			as := func(password string) func(*kafkaio.Config) {
				return func(c *kafkaio.Config) {
					c.SASL = kafkaio.SASLConfig{Mechanism: mech, Username: "us=er,1", Password: password}
				}
			}
			works(t, open(t, e.Brokers, as("p@ss")))
			err := open(t, e.Brokers, as("wrong")).Ping(within(t))
			if err == nil {
				t.Fatal("a wrong password was accepted")
			}
			if strings.Contains(err.Error(), "wrong") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
