package main

// counter names something that a campaign has to have seen at least once.
type counter uint8

const (
	killed counter = iota
	paused
	expelled
	liedTo
	clockBack
	clockAhead
	requestLost
	answerLost
	repeatRecognised
	unackedTruncated
	producerForgotten
	producerChanged
	producerClosed
	closedForAnother
	zombieFenced
	zombieConflict
	lateProduce
	commitUnknownDone
	commitUnknownNot
	suffixLost
	splitWrite
	replicaAsked
	flushedAll
	evictedKey
	restored
	storeRefused
	loadRefused
	storeAway
	rebuilt
	halfWay
	repeated
	staleFetch
	inputTwice
	forwardTwice
	forwarded
	absorbed
	revived
	erasedSome
	suppressedSome
	ticked
	swept
	warmedUp
	catalogueChanged
	stampClamped
	quietRestart
	retained
	recreated
	truncated
	overtaken
	stoppedLoudly
	stoppedInOrder
	evicted
	sinkRepeated
	writerHeldUp
	counters
)

var counterNames = [counters]string{
	"process killed", "process paused", "member expelled", "partition of two owners", "clock set back", "clock set ahead",
	"request lost", "answer lost", "repeat recognised by its sequence", "unacknowledged records truncated", "producer forgotten",
	"another producer id", "producer closed", "producer closed for another one", "zombie fenced", "checkpoint another one", "produce of a dead owner arrived", "unknown commit was done",
	"unknown commit was not done", "newest commits lost", "write on both sides of a split", "replica asked", "store flushed", "checkpoint evicted", "store restored from a copy",
	"store refused", "load refused", "store away", "rebuilt", "checkpoint within a record", "decided again", "stale fetch", "input twice",
	"forwarded twice", "forwarded", "absorbed", "alias revived", "erased", "suppressed", "tick", "sweep", "warmed", "catalogue changed",
	"stamp clamped", "restart in a quiet night", "retention", "topic created again", "acknowledged records truncated", "held up and overtaken", "stopped loudly", "stopped in good order", "people loaded again", "sink repeated",
	"writer held up",
}

// counts are added up over a campaign.
type counts [counters]int64

func (c *counts) add(o *counts) {
	for i := range c {
		c[i] += o[i]
	}
}

// never lists what has not been seen.
func (c *counts) never() (names []string) {
	for i, n := range c {
		if n == 0 {
			names = append(names, counterNames[i])
		}
	}
	return names
}
