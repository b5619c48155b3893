// Package state reads people as the processor keeps them: their bytes and the
// checkpoint of the same instant out of Redis, taken apart by the catalogue that was in
// force there. It only reads.
package state
