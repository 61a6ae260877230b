// Package modelservers checks the plugin against real model servers: known traffic in, the same numbers out. The tests are
// behind build tags, modelservers and torchserve, because they install and start other programs; go tool mage test and
// go tool mage testTorchserve switch them on.
package modelservers

// Crashed is in the output of a test whose Triton crashed.
const Crashed = "the model server of this test crashed"
