// Package losstest holds the test that nothing a box made is lost or doubled:
// a real center, a real box process and the network between them are killed,
// cut and silenced at random moments while events are made, and at the end
// what the box made is compared with what the center stored.
package losstest
