package kafkaio

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"golang.org/x/text/unicode/norm"
)

// scram is the client side of RFC 5802 without channel binding, on the standard
// library's primitives, as a mechanism of kafka-go.
type scram struct {
	name     string
	user     string
	password string
	hash     func() hash.Hash
	size     int
}

// maxScramIterations bounds the work that a hostile server can ask of us.
const maxScramIterations = 1 << 20

func newScram(name, user, password string) (sasl.Mechanism, error) {
	m := &scram{
		name: name, hash: sha256.New, size: sha256.Size,
		user:     strings.NewReplacer("=", "=3D", ",", "=2C").Replace(norm.NFKC.String(user)),
		password: norm.NFKC.String(password),
	}
	if name == "SCRAM-SHA-512" {
		m.hash, m.size = sha512.New, sha512.Size
	}
	for _, r := range user + password {
		if r < 0x20 || r == 0x7f {
			return nil, errors.New("kafka sasl scram: user name or password holds a control character")
		}
	}
	return m, nil
}

func (m *scram) Name() string { return m.name }

// Start opens one exchange with a fresh nonce.
func (m *scram) Start(context.Context) (sasl.StateMachine, []byte, error) {
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, nil, fmt.Errorf("kafka sasl scram nonce: %w", err)
	}
	x := &scramExchange{mech: m, nonce: base64.RawStdEncoding.EncodeToString(nonce)}
	x.first = "n=" + m.user + ",r=" + x.nonce
	return x, []byte("n,," + x.first), nil
}

type scramExchange struct {
	mech   *scram
	nonce  string
	first  string
	verify []byte // what the server must prove; set after its first message
}

// Next answers a challenge; the exchange is done once the server has proved
// that it knows the password too.
func (x *scramExchange) Next(_ context.Context, challenge []byte) (bool, []byte, error) {
	fields := scramFields(string(challenge))
	if msg, bad := fields["e"]; bad {
		return false, nil, fmt.Errorf("kafka sasl scram: server refused: %s", msg)
	}
	if x.verify != nil {
		got, err := base64.StdEncoding.DecodeString(fields["v"])
		if err != nil || subtle.ConstantTimeCompare(got, x.verify) != 1 {
			return false, nil, errors.New("kafka sasl scram: the server's proof is wrong")
		}
		return true, nil, nil
	}
	salt, err := base64.StdEncoding.DecodeString(fields["s"])
	if err != nil {
		return false, nil, fmt.Errorf("kafka sasl scram: salt: %w", err)
	}
	rounds, err := strconv.Atoi(fields["i"])
	if err != nil || rounds < 4096 || rounds > maxScramIterations {
		return false, nil, fmt.Errorf("kafka sasl scram: iteration count %q not within 4096 and %d", fields["i"], maxScramIterations)
	}
	if nonce := fields["r"]; !strings.HasPrefix(nonce, x.nonce) || len(nonce) == len(x.nonce) {
		return false, nil, errors.New("kafka sasl scram: the server's nonce does not extend ours")
	}
	salted, err := pbkdf2.Key(x.mech.hash, x.mech.password, salt, rounds, x.mech.size)
	if err != nil {
		return false, nil, fmt.Errorf("kafka sasl scram: %w", err)
	}
	final := "c=biws,r=" + fields["r"]
	message := []byte(x.first + "," + string(challenge) + "," + final)
	client := x.mech.mac(salted, []byte("Client Key"))
	stored := x.mech.hash()
	stored.Write(client)
	proof := x.mech.mac(stored.Sum(nil), message)
	subtle.XORBytes(proof, proof, client)
	x.verify = x.mech.mac(x.mech.mac(salted, []byte("Server Key")), message)
	return false, append([]byte(final+",p="), base64.StdEncoding.AppendEncode(nil, proof)...), nil
}

func (m *scram) mac(key, msg []byte) []byte {
	h := hmac.New(m.hash, key)
	h.Write(msg)
	return h.Sum(nil)
}

func scramFields(s string) map[string]string {
	out := make(map[string]string, 4)
	for part := range strings.SplitSeq(string(bytes.TrimRight([]byte(s), "\x00")), ",") {
		if k, v, ok := strings.Cut(part, "="); ok {
			out[k] = v
		}
	}
	return out
}
