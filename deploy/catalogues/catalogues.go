// Package catalogues carries the catalogue that a fresh installation starts with.
package catalogues

import _ "embed"

//go:embed default.yaml
var defaultText string

// DefaultName is what faults of the default catalogue are told under.
const DefaultName = "default.yaml"

// Default is the text of the default catalogue.
func Default() []byte { return []byte(defaultText) }
