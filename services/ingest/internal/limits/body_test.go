package limits_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
)

func pack(tb testing.TB, text string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func receive(tb testing.TB, body []byte, limit int) *limits.Body {
	tb.Helper()
	b, size, err := limits.Receive(bytes.NewReader(body), -1, limit, limit, nil, nil)
	if err != nil || size != int64(len(body)) {
		tb.Fatalf("got size %d, error %v", size, err)
	}
	return b
}

// Far below the limit in bytes a body may still be a bomb by its ratio.
func TestDecode_RatioIsBounded(t *testing.T) {
	const limit = 4 << 20
	for text, want := range map[string]error{
		strings.Repeat("0", 2<<20):  limits.ErrTooLarge, // some 1000 to 1
		strings.Repeat("0", 60<<10): nil,                // small
		strings.Repeat(`{"event":"Order Completed","userId":"u_48213","total":84.5},`, 1000): nil,
	} {
		b, err := receive(t, pack(t, text), limit).Decode("gzip", limit, nil)
		if !errors.Is(err, want) || want == nil && string(b.Bytes()) != text {
			t.Errorf("%d bytes: got error %v, want %v", len(text), err, want)
		}
		b.Release()
	}
}

func TestDecode_BadStreamsGiveTheBytesAsTheyCame(t *testing.T) {
	good := pack(t, "hello")
	for name, body := range map[string][]byte{"plain": []byte("hello"), "cut": good[:len(good)-3], "more": append(bytes.Clone(good), 'x'), "empty": {}} {
		b, err := receive(t, body, 1000).Decode("gzip", 1000, nil)
		if !errors.Is(err, limits.ErrEncoding) || !bytes.Equal(b.Bytes(), body) {
			t.Errorf("%s: got %q, error %v", name, b.Bytes(), err)
		}
		b.Release()
	}
	if b, err := receive(t, good, 1000).Decode("deflate", 1000, nil); !errors.Is(err, limits.ErrUnknown) || b != nil {
		t.Errorf("got error %v", err)
	}
}

func TestReceive_GivesAllToTheSignatureAndKeepsTheBeginning(t *testing.T) {
	body := strings.Repeat("0123456789", 100)
	for limit, hard := range map[int]int{1000: 1000, 999: 1000, 1: 1000, 500: 5000} {
		for _, length := range []int64{-1, 1000} {
			var signed bytes.Buffer
			b, size, err := limits.Receive(iotest.OneByteReader(strings.NewReader(body)), length, limit, hard, &signed, nil)
			if err != nil || size != 1000 || signed.String() != body || string(b.Bytes()) != body[:limit] {
				t.Errorf("limit %d: got size %d, %d bytes kept, %d signed, error %v", limit, size, len(b.Bytes()), signed.Len(), err)
			}
			b.Release()
		}
	}
	for _, length := range []int64{-1, 1000} {
		if _, _, err := limits.Receive(strings.NewReader(body), length, 10, 999, nil, nil); !errors.Is(err, limits.ErrTooLarge) {
			t.Errorf("length %d: got error %v", length, err)
		}
	}
	if _, _, err := limits.Receive(iotest.TimeoutReader(strings.NewReader(body)), -1, 1000, 1000, nil, nil); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("broken connection: got error %v", err)
	}
}

func TestGate_GivesBackWhatItTook(t *testing.T) {
	g := limits.NewGate(3, 100)
	var all sync.WaitGroup
	var inside, most atomic.Int32
	for range 8 {
		all.Go(func() {
			for range 1000 {
				p := g.Enter()
				if p.Take(15) == nil && p.Take(25) == nil && p.Work() == nil {
					most.Store(max(most.Load(), inside.Add(1)))
					inside.Add(-1)
				}
				p.Leave()
			}
		})
	}
	all.Wait()
	if n := most.Load(); n < 1 || n > 2 || g.Busy() != 0 {
		t.Errorf("got %d inside at once and %d at the end, and 100 bytes allow for two of 40", n, g.Busy())
	}
	p := g.Enter()
	if err := p.Take(100); err != nil {
		t.Fatal("bytes were lost")
	}
	if err := g.Enter().Take(1); !errors.Is(err, limits.ErrNoRoom) {
		t.Errorf("got %v, want that there are no more bytes", err)
	}
	for range 3 {
		if err := g.Enter().Work(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Work(); !errors.Is(err, limits.ErrNoRoom) || !g.Full() {
		t.Errorf("got %v, want that there is no slot", err)
	}
}

// What is announced costs nothing; what arrives is paid for, before memory is taken for it.
func TestReceive_PlaceGrowsWithWhatArrives(t *testing.T) {
	g := limits.NewGate(1, 256<<10)
	for range 40 { // announce 1 MB each, and send one byte
		if _, _, err := limits.Receive(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab"))), 1<<20, 1<<20, 1<<20, nil, g.Enter()); !errors.Is(err, iotest.ErrTimeout) {
			t.Fatalf("got error %v, want the connection's", err)
		}
	}
	whole := strings.Repeat("x", 60<<10)
	if _, _, err := limits.Receive(strings.NewReader(whole), int64(len(whole)), 1<<20, 1<<20, nil, g.Enter()); err != nil {
		t.Errorf("one of %d bytes after them: %v", len(whole), err)
	}
	p := g.Enter()
	if _, _, err := limits.Receive(strings.NewReader(whole), -1, 1<<20, 1<<20, nil, p); !errors.Is(err, limits.ErrNoRoom) {
		t.Errorf("got %v, want that there is no room", err)
	}
	p.Leave()
	for n := range 70 { // the edges of all buffers
		for _, size := range []int{n, 4<<10 - 35 + n, 16<<10 - 35 + n, 64<<10 - 35 + n} {
			for _, length := range []int64{-1, int64(size)} {
				body := strings.Repeat("y", size)
				b, got, err := limits.Receive(strings.NewReader(body), length, 64<<10, 64<<10, nil, nil)
				if size > 64<<10 {
					if !errors.Is(err, limits.ErrTooLarge) {
						t.Errorf("%d bytes: got %v", size, err)
					}
					continue
				}
				if err != nil || got != int64(size) || string(b.Bytes()) != body {
					t.Errorf("%d bytes, announced %d: got %d, %v", size, length, got, err)
				}
				b.Release()
			}
		}
	}
}
