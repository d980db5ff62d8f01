// Package script is the routing language, SER's: it reads a file into a tree,
// checks it against the modules, and compiles it to closures that run without
// allocation. All problems of a file are reported in one run, each with its
// line, its column and a caret. docs/routing-language.md is its reference.
package script
