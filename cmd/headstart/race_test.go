//go:build race

package main

// raced tells whether the race detector runs, which takes memory of its own.
const raced = true
