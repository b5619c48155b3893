package kafkaio

import (
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
)

// rangeBalancer gives each member, in the order of the member ids, one
// contiguous run of the partitions, in the order of their numbers. kafka-go's own
// balancers take members and partitions in the order of the brokers' answers,
// which differs from one answer to the next. The name is our own, so that a
// foreign member cannot be elected to assign ours.
type rangeBalancer struct{}

func (rangeBalancer) ProtocolName() string { return "cohortflow-range" }

func (rangeBalancer) UserData() ([]byte, error) { return nil, nil }

func (rangeBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b kafka.GroupMember) int { return strings.Compare(a.ID, b.ID) })
	byTopic := map[string][]int{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.ID)
	}
	out := kafka.GroupMemberAssignments{}
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for topic, ids := range byTopic {
		slices.Sort(ids)
		ids = slices.Compact(ids)
		var takers []string
		for _, m := range members {
			if slices.Contains(m.Topics, topic) {
				takers = append(takers, m.ID)
			}
		}
		for i, id := range takers {
			if lo, hi := i*len(ids)/len(takers), (i+1)*len(ids)/len(takers); lo < hi {
				out[id][topic] = slices.Clone(ids[lo:hi])
			}
		}
	}
	return out
}
