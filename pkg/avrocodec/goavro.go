package avrocodec

import (
	"sync"

	"github.com/linkedin/goavro/v2"
)

// What goavro takes from a record at most: items of one block of an array or map,
// and bytes of one block or text. Without limits a count of five bytes makes it
// allocate until the process is killed.
const (
	maxBlockCount = 1 << 16
	maxBlockSize  = 16 << 20
)

// limitGoavro sets goavro's limits, which are variables of that package, before
// anything is decoded by it. This package is its only importer.
var limitGoavro = sync.OnceFunc(func() {
	goavro.MaxBlockCount = maxBlockCount
	goavro.MaxBlockSize = maxBlockSize
})

func newGoavro(text string) (*goavro.Codec, error) {
	limitGoavro()
	option := goavro.DefaultCodecOption()
	option.EnableStringNull = false // a default of "null" is text, not nothing
	return goavro.NewCodecWithOptions(text, option)
}
