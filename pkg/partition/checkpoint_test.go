package partition

import (
	"encoding/hex"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckpoint_ComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Checkpoint{
			Offset: rapid.Int64().Draw(t, "offset"), Ordinal: rapid.Int32Min(0).Draw(t, "ordinal"), LogTime: rapid.Int64().Draw(t, "log time"),
			AnchorID: rapid.Uint64().Draw(t, "anchor"), AnchorSum: rapid.Uint32().Draw(t, "sum"), Tenure: rapid.Int64().Draw(t, "tenure"),
			CatalogueAt: rapid.Int64().Draw(t, "at"), Catalogue: rapid.String().Draw(t, "catalogue"),
			Sweep: rapid.Int32Range(0, 64).Draw(t, "sweep"), Sizes: rapid.MapOfN(rapid.String(), rapid.Int64(), 0, 4).Draw(t, "sizes"),
			Change: Change{
				Former: rapid.Permutation([]string{"a", "b"}).Draw(t, "former"), Review: []string{"c"}, Warmed: []string{"w"},
				Warming: rapid.MapOfN(rapid.String(), rapid.Int64(), 0, 2).Draw(t, "warming"),
			},
			Furthest: rapid.Int64().Draw(t, "furthest"), Seq: rapid.Int64().Draw(t, "seq"),
		}
		got, err := DecodeCheckpoint(c.Append(nil))
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("got %+v, %v, want %+v", got, err, c)
		}
	})
}

// What the first release wrote is read; of sweeps and sizes it knew nothing.
func TestDecodeCheckpoint_OfTheFirstRelease(t *testing.T) {
	b, err := hex.DecodeString("010e0064ac02ffffffff0f0400080a03616263")
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeCheckpoint(b)
	want := Checkpoint{Offset: 7, LogTime: 50, AnchorID: 300, AnchorSum: 1<<32 - 1, Tenure: 2, CatalogueAt: 0, Furthest: 4, Seq: 5, Catalogue: "abc"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
}

func FuzzDecodeCheckpoint(f *testing.F) {
	f.Add(Checkpoint{Offset: 7, Catalogue: "abc"}.Append(nil))
	f.Add([]byte{checkpointFormat, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCheckpoint(b)
		if err != nil {
			return
		}
		if again, err := DecodeCheckpoint(c.Append(nil)); err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v comes back as %+v, %v", c, again, err)
		}
	})
}

func FuzzDecodeBucket(f *testing.F) {
	f.Add(int64(3), appendTimer(nil, timer{at: 3*bucketWidth + 5, key: "p"}))
	f.Fuzz(func(t *testing.T, bucket int64, b []byte) {
		bucket %= 1 << 20
		_ = decodeBucket(bucket, b, func(x timer) {
			if bucketOf(x.at) != bucket {
				t.Fatalf("an entry of bucket %d is at %d", bucket, x.at)
			}
		})
	})
}
