// Command bench measures what one unit of work costs the router beside Kamailio:
// the same load through both, alternating, in one run on this machine.
//
// What is compared is the processor time of the server for each unit of work,
// summed over all its threads (nanoseconds of /proc/PID/task/*/schedstat), never a
// wall-clock time. Kamailio runs as its own users would tune it: the fast memory
// manager (-x fm -X fm), a large socket buffer (-b), enough memory (-m), and the
// better of one and two children at the rate in question.
//
// The last line is the result, for scripts:
//
//	RATIO call 0.71 spread 0.05
//
// the mean over the rounds of ours : Kamailio's, and (max−min)/mean of it. No ratio
// is printed, and the exit status is 1, if either side failed more than 0.1 % of
// its calls.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

type options struct {
	proxy   string
	rate    int
	rounds  int
	seconds int
	only    string
	keep    string
}

func main() {
	var o options
	flag.StringVar(&o.proxy, "proxy", "", "seraph-proxy `binary`; built from the workspace if not given")
	flag.IntVar(&o.rate, "rate", 2500, "calls a second")
	flag.IntVar(&o.rounds, "rounds", 5, "alternating rounds")
	flag.IntVar(&o.seconds, "seconds", 9, "length of the load of a round")
	flag.StringVar(&o.only, "only", "", "measure one side alone: kamailio or seraph")
	flag.StringVar(&o.keep, "keep", "", "`folder` for logs and statistics, kept afterwards")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.rate < 1 || o.rounds < 1 || o.seconds < 1 || flag.NArg() > 0 {
		return fmt.Errorf("rate, rounds and seconds must be positive, and there are no arguments")
	}
	dir, cleanup, err := workDir(o.keep)
	if err != nil {
		return err
	}
	defer cleanup()
	if o.proxy == "" && o.only != "kamailio" {
		if o.proxy, err = buildProxy(dir); err != nil {
			return err
		}
	}
	b := &bench{dir: dir, out: os.Stdout, rounds: o.rounds, load: time.Duration(o.seconds) * time.Second}
	return b.run(sides(o), ladder(o.rate))
}

// sides are the routers to measure; of those of one product only the cheapest
// stays after the trial.
func sides(o options) []router {
	var s []router
	if o.only != "kamailio" {
		s = append(s, seraph(o.proxy))
	}
	if o.only != "seraph" {
		s = append(s, kamailio(1), kamailio(2))
	}
	return s
}

// ladder is the rates to try, highest first: where SIPp or a router cannot hold
// the wanted rate on this machine, both are measured at the highest they hold.
func ladder(rate int) []int {
	return []int{rate, rate * 4 / 5, rate * 3 / 5, rate * 2 / 5, rate / 5}
}

func workDir(keep string) (string, func(), error) {
	if keep != "" {
		abs, err := filepath.Abs(keep)
		if err != nil {
			return "", nil, fmt.Errorf("folder %q: %w", keep, err)
		}
		return abs, func() {}, os.MkdirAll(abs, 0o755)
	}
	dir, err := os.MkdirTemp("", "seraph-bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// buildProxy builds the release binary: static, without cgo, without build tags.
func buildProxy(dir string) (string, error) {
	bin := filepath.Join(dir, "seraph-proxy")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "seraph/proxy/cmd/seraph-proxy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build seraph-proxy: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return bin, nil
}
