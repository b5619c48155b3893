package contract

// StoreDifferences are all of the stores.
var StoreDifferences = []*Difference{}
