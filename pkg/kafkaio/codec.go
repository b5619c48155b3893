package kafkaio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is the compression of a batch, as in its attributes.
type codec uint8

const (
	codecNone codec = iota
	codecGzip
	codecSnappy
	codecLz4
	codecZstd
)

var (
	errRecord = errors.New("malformed record")
	errBomb   = errors.New("unpacks to more than the limit")
)

func parseCodec(name string) (codec, error) {
	switch name {
	case "", "none":
		return codecNone, nil
	case "gzip":
		return codecGzip, nil
	case "snappy":
		return codecSnappy, nil
	case "lz4":
		return codecLz4, nil
	case "zstd":
		return codecZstd, nil
	}
	return 0, fmt.Errorf("kafka compression %q: want none, gzip, snappy, lz4 or zstd", name)
}

// zstdCodec is built once: its encoder and decoder hold large tables and are
// safe for concurrent use in the forms used here. The decoder refuses frames
// beyond the package's bound by itself.
var zstdCodec = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) { //nolint:gochecknoglobals // lazily built table
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(fmt.Sprintf("zstd encoder with constant options: %v", err))
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		panic(fmt.Sprintf("zstd decoder with constant options: %v", err))
	}
	return enc, dec
})

// maxUnpacked is the hard bound of one unpacked batch, in bytes.
const maxUnpacked = 64 << 20

func (c codec) compress(dst, src []byte) ([]byte, error) {
	switch c {
	case codecGzip:
		w := bytes.NewBuffer(dst)
		z := gzip.NewWriter(w)
		if _, err := z.Write(src); err != nil {
			return nil, fmt.Errorf("compress gzip: %w", err)
		}
		if err := z.Close(); err != nil {
			return nil, fmt.Errorf("compress gzip: %w", err)
		}
		return w.Bytes(), nil
	case codecSnappy:
		return append(dst, snappy.Encode(nil, src)...), nil
	case codecLz4:
		w := bytes.NewBuffer(dst)
		z := lz4.NewWriter(w)
		if err := z.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
			return nil, fmt.Errorf("compress lz4: %w", err)
		}
		if _, err := z.Write(src); err != nil {
			return nil, fmt.Errorf("compress lz4: %w", err)
		}
		if err := z.Close(); err != nil {
			return nil, fmt.Errorf("compress lz4: %w", err)
		}
		return w.Bytes(), nil
	case codecZstd:
		enc, _ := zstdCodec()
		return enc.EncodeAll(src, dst), nil
	case codecNone:
		return append(dst, src...), nil
	}
	return nil, fmt.Errorf("compression code %d is unknown", c)
}

// decompress unpacks into a fresh buffer of at most limit bytes.
func (c codec) decompress(src []byte, limit int) ([]byte, error) {
	switch c {
	case codecNone:
		return src, nil
	case codecGzip:
		z, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return readBounded(z, len(src), limit)
	case codecSnappy:
		return unsnappy(src, limit)
	case codecLz4:
		return readBounded(lz4.NewReader(bytes.NewReader(src)), len(src), limit)
	case codecZstd:
		_, dec := zstdCodec()
		out, err := dec.DecodeAll(src, make([]byte, 0, min(4*len(src), limit)))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		if len(out) > limit {
			return nil, errBomb
		}
		return out, nil
	}
	return nil, fmt.Errorf("compression code %d is unknown", c)
}

func readBounded(r io.Reader, packed, limit int) ([]byte, error) {
	out := make([]byte, 0, min(4*packed+512, limit))
	for {
		if len(out) == cap(out) {
			if len(out) >= limit {
				// Full to the brim: only the end may follow.
				var one [1]byte
				if n, err := io.ReadFull(r, one[:]); n == 0 && errors.Is(err, io.EOF) {
					return out, nil
				}
				return nil, errBomb
			}
			grown := make([]byte, len(out), min(2*cap(out)+512, limit))
			copy(grown, out)
			out = grown
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
	}
}

// xerialMagic begins the framing of the Java client; others write one bare block.
const xerialMagic = "\x82SNAPPY\x00"

func unsnappy(src []byte, limit int) ([]byte, error) {
	if len(src) < 16 || string(src[:8]) != xerialMagic {
		return appendSnappy(nil, src, limit)
	}
	var out []byte
	for b := src[16:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, errors.New("snappy: frame is cut off")
		}
		n := int64(binary.BigEndian.Uint32(b))
		if b = b[4:]; n > int64(len(b)) {
			return nil, errors.New("snappy: frame is cut off")
		}
		var err error
		if out, err = appendSnappy(out, b[:n], limit-len(out)); err != nil {
			return nil, err
		}
		b = b[n:]
	}
	return out, nil
}

func appendSnappy(dst, block []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return nil, fmt.Errorf("snappy: %w", err)
	}
	// The format cannot shrink data by more than a factor of about 64, so a
	// greater claim is a lie that must not be allocated for.
	if n > limit || n > 64*len(block)+64 {
		return nil, errBomb
	}
	out, err := snappy.Decode(make([]byte, n), block)
	if err != nil {
		return nil, fmt.Errorf("snappy: %w", err)
	}
	if dst == nil {
		return out, nil
	}
	return append(dst, out...), nil
}
