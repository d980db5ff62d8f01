// Package e2e_test is the end-to-end suite: real binaries, other people's phones,
// load generator, database and browser. README.md says how to run it.
package e2e_test

import (
	"fmt"
	"os"
	"testing"

	"seraph/e2e/stand"
)

func TestMain(m *testing.M) {
	if err := stand.CheckEngine(); err != nil {
		fmt.Println("--- FAIL:", err)
		os.Exit(1)
	}
	code := m.Run()
	for _, fault := range stand.Late() {
		fmt.Println("--- FAIL:", fault)
		code = 1
	}
	stand.RemoveTemplate()
	os.Exit(code)
}
