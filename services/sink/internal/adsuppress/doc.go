// Package adsuppress turns transitions into the suppression state of one ad platform:
// ads.suppression.<platform>.v1, partition by partition.
//
// Foreign readers take the last value of a key, so nothing may be written twice or
// in the wrong order, whoever else believes to be the owner. A tenure goes:
//
//	ask the group ─► take the epoch ─► look at the output's tail ─► write the fence ─► read what came in between
//	─► go on in the input where the output says ─► append, without waiting
//
// There is no position outside the output: its watermarks carry the next input
// offset, its records the ids of their transitions. Any error ends the tenure, and
// the next one begins at the top. What was published already is not sent again.
package adsuppress
