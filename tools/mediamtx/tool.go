// Package mediamtx pins the version of MediaMTX that is built as a tool. It
// is a module of its own so that its dependencies stay out of the product's.
package mediamtx
