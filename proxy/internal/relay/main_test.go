package relay

import (
	"flag"
	"os"
	"testing"
)

// atOnce is how many tests run at the same time, whatever the number of processors: they wait
// for the timers of their transactions, and hardly compute. Each has its engine, its sockets and
// its phones. What counts memory, goroutines or on a port that nobody listens on runs alone.
const atOnce = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // -parallel on the command line is stronger
		panic(err)
	}
	os.Exit(m.Run())
}
