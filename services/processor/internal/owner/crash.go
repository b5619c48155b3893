//go:build !crashpoints

package owner

import "github.com/cohortflow/cohortflow/pkg/partition"

func asked(partition.Effect)    {}
func handed(partition.Effect)   {}
func answered(partition.Effect) {}
