package daemon

import (
	"flag"
	"os"
	"testing"
)

// atOnce is how many tests that say t.Parallel run at the same time, whatever the number of
// processors: those that count allocations, of which one works while the others wait.
const atOnce = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // -parallel on the command line is stronger
		panic(err)
	}
	os.Exit(m.Run())
}
