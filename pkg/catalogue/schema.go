package catalogue

import _ "embed"

//go:embed cohorts.schema.json
var schema string

// Schema is the format as a JSON Schema (draft-07), for completion in editors. It says
// what a file may look like; whether the names in it exist only Load knows.
func Schema() string { return schema }
