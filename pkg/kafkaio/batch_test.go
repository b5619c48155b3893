package kafkaio

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sealed gives the bytes of a batch of recs as a broker stores it at base.
func sealed(t testing.TB, base int64, c codec, recs ...OutRecord) []byte {
	t.Helper()
	var b batch
	for i := range recs {
		b.add(&recs[i])
	}
	out, err := b.seal(7, 3, 0, c)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	out = bytes.Clone(out)
	binary.BigEndian.PutUint64(out, uint64(base))
	return out
}

// patched changes a stored batch and repairs its checksum.
func patched(b []byte, change func(b []byte)) []byte {
	b = bytes.Clone(b)
	change(b)
	binary.BigEndian.PutUint32(b[posCRC:], crc32.Checksum(b[posAttributes:], castagnoli))
	return b
}

func record(text string) OutRecord { return OutRecord{Timestamp: 1000, Value: []byte(text)} }

func decodeAll(b []byte, from int64, aborted ...abortedTxn) ([]string, int64, error) {
	d := decoder{aborted: aborted, limit: 1 << 20}
	recs, next, err := d.decode(nil, b, from)
	var out []string
	for i := range recs {
		out = append(out, string(recs[i].Value))
	}
	return out, next, err
}

func TestBatch_BytesAreAsTheFormatSays(t *testing.T) {
	got := sealed(t, 0, codecNone, OutRecord{Timestamp: 1000, Key: []byte("k"), Value: []byte("v"), Headers: []Header{{Key: "h", Value: nil}}},
		OutRecord{Timestamp: 998, Value: nil})
	want := "0000000000000000" + "00000044" + "ffffffff" + "02" + hex.EncodeToString(got[posCRC:posAttributes]) +
		"0000" + "00000001" + "00000000000003e8" + "00000000000003e8" + "0000000000000007" + "0003" + "00000000" + "00000002" +
		"16" + "00" + "00" + "00" + "026b" + "0276" + "02" + "0268" + "01" +
		"0c" + "00" + "03" + "02" + "01" + "01" + "00"
	if got := hex.EncodeToString(got); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestBatch_RoundTripsAnyRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maybe := func(name string) []byte {
			if rapid.Bool().Draw(t, name+" null") {
				return nil
			}
			return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, name)...)
		}
		var b batch
		var want []Record
		n := rapid.IntRange(1, 20).Draw(t, "records")
		for i := range n {
			r := OutRecord{Timestamp: rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "time"), Key: maybe("key"), Value: maybe("value")}
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				r.Headers = append(r.Headers, Header{Key: rapid.StringN(0, 9, 40).Draw(t, "header"), Value: maybe("header value")})
			}
			before := b.size()
			b.add(&r)
			if took := b.size() - before; i > 0 && took > encodedBound(&r) {
				t.Fatalf("a record took %d bytes, more than its bound %d", took, encodedBound(&r))
			}
			want = append(want, Record{Partition: 4, Offset: 100 + int64(i), Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.Headers, ProducerID: 9, ProducerEpoch: 2})
		}
		c := codec(rapid.IntRange(0, 4).Draw(t, "codec"))
		out, err := b.seal(9, 2, 5, c)
		if err != nil {
			t.Fatalf("seal: %v", err)
		}
		binary.BigEndian.PutUint64(out, 100)
		d := decoder{partition: 4, limit: 1 << 20}
		got, next, err := d.decode(nil, out, 0)
		if err != nil || next != 100+int64(n) {
			t.Fatalf("decode to %d, error %v", next, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("records differ (-want +got):\n%s", diff)
		}
	})
}

func TestDecode_CutOffLastBatchIsLeftForTheNextFetch(t *testing.T) {
	first, second := sealed(t, 10, codecNone, record("a"), record("b")), sealed(t, 12, codecNone, record("c"))
	for cut := range second {
		got, next, err := decodeAll(append(bytes.Clone(first), second[:cut]...), 10)
		if err != nil || next != 12 || !cmp.Equal(got, []string{"a", "b"}) {
			t.Fatalf("cut at %d: got %q to %d, error %v", cut, got, next, err)
		}
	}
}

func TestDecode_StepsOverEmptyBatches(t *testing.T) {
	// What compaction leaves of a producer's last batch: no records, all offsets.
	empty := patched(sealed(t, 10, codecNone, record("x"), record("y"), record("z")), func(b []byte) {
		binary.BigEndian.PutUint32(b[posCount:], 0)
	})[:batchHeader]
	empty = patched(empty, func(b []byte) { binary.BigEndian.PutUint32(b[posLength:], batchHeader-frameHeader) })
	got, next, err := decodeAll(append(empty, sealed(t, 13, codecNone, record("a"))...), 10)
	if err != nil || next != 14 || !cmp.Equal(got, []string{"a"}) {
		t.Errorf("got %q to %d, error %v, want a to 14", got, next, err)
	}
	if _, next, err := decodeAll(empty, 11); err != nil || next != 13 {
		t.Errorf("an empty batch alone leads to %d, error %v, want 13", next, err)
	}
}

func TestDecode_AbortedTransactionsAreVoid(t *testing.T) {
	txn := func(base int64, producer int64, text string) []byte {
		return patched(sealed(t, base, codecNone, record(text)), func(b []byte) {
			binary.BigEndian.PutUint16(b[posAttributes:], attrTransactional)
			binary.BigEndian.PutUint64(b[posProducer:], uint64(producer))
		})
	}
	marker := func(base int64, producer int64) []byte {
		return patched(sealed(t, base, codecNone, OutRecord{Key: []byte{0, 0, 0, 0}, Value: make([]byte, 6)}), func(b []byte) {
			binary.BigEndian.PutUint16(b[posAttributes:], attrTransactional|attrControl)
			binary.BigEndian.PutUint64(b[posProducer:], uint64(producer))
		})
	}
	log := bytes.Join([][]byte{
		txn(0, 1, "void-1"), txn(1, 2, "kept-1"), sealed(t, 2, codecNone, record("plain")), txn(3, 1, "void-2"), marker(4, 1),
		txn(5, 1, "kept-2"), marker(6, 1), marker(7, 2), txn(8, 1, "void-3"), marker(9, 1),
	}, nil)
	got, next, err := decodeAll(log, 0, abortedTxn{producer: 1, first: 8}, abortedTxn{producer: 1, first: 0})
	if err != nil || next != 10 {
		t.Fatalf("decode to %d, error %v", next, err)
	}
	if diff := cmp.Diff([]string{"kept-1", "plain", "kept-2"}, got); diff != "" {
		t.Errorf("values differ (-want +got):\n%s", diff)
	}
}

func TestDecode_LogAppendTimeIsTheBrokers(t *testing.T) {
	b := patched(sealed(t, 0, codecNone, record("a"), OutRecord{Timestamp: 5000, Value: []byte("b")}), func(b []byte) {
		binary.BigEndian.PutUint16(b[posAttributes:], attrLogAppendTime)
		binary.BigEndian.PutUint64(b[posMaxTime:], 777_000)
	})
	d := decoder{limit: 1 << 20}
	got, _, err := d.decode(nil, b, 0)
	if err != nil || len(got) != 2 || got[0].Timestamp != 777_000 || got[1].Timestamp != 777_000 {
		t.Errorf("got %+v, error %v, want both at 777000", got, err)
	}
}

func TestDecode_DamageIsAnErrorAtTheBatch(t *testing.T) {
	first, second := sealed(t, 10, codecNone, record("a")), sealed(t, 11, codecNone, record("bbbbbbbb"))
	for name, bad := range map[string][]byte{
		"a flipped bit":       func() []byte { b := bytes.Clone(second); b[len(b)-3] ^= 1; return b }(),
		"an old format":       func() []byte { b := bytes.Clone(second); b[posMagic] = 1; return b }(),
		"a negative length":   func() []byte { b := bytes.Clone(second); b[posLength] = 0x80; return b }(),
		"too many records":    patched(second, func(b []byte) { b[posCount+3] = 9 }),
		"a huge record count": patched(second, func(b []byte) { copy(b[posLastDelta:], "\x7f\xff\xff\xf0"); copy(b[posCount:], "\x7f\xff\xff\xf0") }),
		"an unknown codec":    patched(second, func(b []byte) { b[posAttributes+1] = 7 }),
		"not compressed":      patched(second, func(b []byte) { b[posAttributes+1] = byte(codecZstd) }),
		"a record too long":   patched(second, func(b []byte) { b[batchHeader] = 0x7e }),
		"trailing bytes":      patched(second, func(b []byte) { b[batchHeader] -= 2 }),
	} {
		got, next, err := decodeAll(append(bytes.Clone(first), bad...), 10)
		if !errors.Is(err, ErrCorrupt) || next != 11 || !cmp.Equal(got, []string{"a"}) {
			t.Errorf("%s: got %q to %d, error %v, want a, 11 and ErrCorrupt", name, got, next, err)
		}
	}
}

func TestDecompress_BombsAreRefused(t *testing.T) {
	zeros := make([]byte, 8<<20)
	for _, c := range []codec{codecGzip, codecSnappy, codecLz4, codecZstd} {
		packed, err := c.compress(nil, zeros)
		if err != nil {
			t.Fatalf("compress: %v", err)
		}
		if out, err := c.decompress(packed, 1<<20); err == nil {
			t.Errorf("codec %d unpacked %d bytes over a limit of 1 MiB", c, len(out))
		}
		if out, err := c.decompress(packed, 8<<20); err != nil || len(out) != 8<<20 {
			t.Errorf("codec %d at exactly the limit: %d bytes, error %v", c, len(out), err)
		}
	}
}

func TestDecompress_SnappyFramesOfTheJavaClient(t *testing.T) {
	one, err := codecSnappy.compress(nil, []byte("hello "))
	if err != nil {
		t.Fatal(err)
	}
	two, err := codecSnappy.compress(nil, []byte("world"))
	if err != nil {
		t.Fatal(err)
	}
	framed := append([]byte(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
	for _, b := range [][]byte{one, two} {
		framed = binary.BigEndian.AppendUint32(framed, uint32(len(b)))
		framed = append(framed, b...)
	}
	if got, err := codecSnappy.decompress(framed, 100); err != nil || string(got) != "hello world" {
		t.Errorf("got %q, error %v", got, err)
	}
	if _, err := codecSnappy.decompress(framed[:len(framed)-1], 100); err == nil {
		t.Error("a frame that is cut off was accepted")
	}
}

func TestAdvanceSequence_WrapsToZero(t *testing.T) {
	for _, c := range []struct {
		seq  int32
		n    int
		want int32
	}{{0, 1, 1}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 4, 5, 0}, {math.MaxInt32 - 4, 10, 5}, {math.MaxInt32, 3, 2}} {
		if got := advanceSequence(c.seq, c.n); got != c.want {
			t.Errorf("%d records after %d: got %d, want %d", c.n, c.seq, got, c.want)
		}
	}
}

// The values are those of the Java client's own test of its hash.
func TestMurmur2_AsTheJavaClient(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2(key)); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
	if got := PartitionFor("foobar", 12); got < 0 || got >= 12 {
		t.Errorf("partition %d of 12", got)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	recs := []OutRecord{
		{Timestamp: 1, Key: []byte("k"), Value: []byte("v"), Headers: []Header{{Key: "h", Value: []byte("x")}}}, {Timestamp: 2},
	}
	for c := codecNone; c <= codecZstd; c++ {
		f.Add(sealed(f, 5, c, recs...), int64(0), true)
	}
	two := append(sealed(f, 5, codecNone, recs...), sealed(f, 7, codecNone, recs...)...)
	f.Add(two, int64(6), true)
	f.Add(two[:len(two)-5], int64(6), false)
	f.Fuzz(func(t *testing.T, b []byte, from int64, repair bool) {
		b = bytes.Clone(b)
		if repair && len(b) >= batchHeader {
			// With a true checksum the input gets past the first gate.
			if n := int(int32(binary.BigEndian.Uint32(b[posLength:]))); n >= batchHeader-frameHeader && n <= len(b)-frameHeader {
				binary.BigEndian.PutUint32(b[posCRC:], crc32.Checksum(b[posAttributes:frameHeader+n], castagnoli))
			}
		}
		d := decoder{limit: 1 << 16, aborted: []abortedTxn{{producer: 7}}}
		got, next, err := d.decode(nil, b, from)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("an error of another class: %v", err)
		}
		if next < from {
			t.Fatalf("the position went back from %d to %d", from, next)
		}
		last := from - 1
		for i := range got {
			if got[i].Offset < from || got[i].Offset >= next {
				t.Fatalf("offset %d is outside of [%d, %d)", got[i].Offset, from, next)
			}
			if got[i].Offset <= last {
				t.Fatalf("offset %d follows %d", got[i].Offset, last)
			}
			last = got[i].Offset
		}
	})
}
