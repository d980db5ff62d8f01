// Command bench measures what one unit of work costs the router beside Kamailio:
// the same load through both, alternating, in one run on this machine.
//
// What is compared is the processor time of the server for each unit of work,
// summed over all its threads (nanoseconds of /proc/PID/task/*/schedstat), never a
// wall-clock time. Kamailio runs as its own users would tune it: the fast memory
// manager (-x fm -X fm), a large socket buffer (-b), enough memory (-m), and the
// better of one and two children at the rate in question.
//
// The last lines are the results, one for each unit of work, for scripts:
//
//	RATIO call 0.71 spread 0.05
//	RATIO register-digest 0.43 spread 0.04
//
// the mean over the rounds of ours : Kamailio's, and (max−min)/mean of it. Of
// registrations that is Kamailio with the users in a database, as ours are; a line
// further up compares with one that has them in memory. A ratio
// is not printed, and the exit status is 1, if either side failed more than 0.1 %
// of its calls.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type options struct {
	proxy   string
	unit    string
	rate    int
	regRate int
	rounds  int
	seconds int
	only    string
	keep    string
}

func main() {
	var o options
	flag.StringVar(&o.proxy, "proxy", "", "seraph-proxy `binary`; built from the workspace if not given")
	flag.StringVar(&o.unit, "unit", "", "measure one unit of work alone: call or register-digest")
	flag.IntVar(&o.rate, "rate", 2500, "calls a second")
	flag.IntVar(&o.regRate, "register-rate", 2000, "registrations a second, two requests each")
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
	if o.rate < 1 || o.regRate < 1 || o.rounds < 1 || o.seconds < 1 || flag.NArg() > 0 {
		return fmt.Errorf("rates, rounds and seconds must be positive, and there are no arguments")
	}
	if o.unit != "" && !slices.ContainsFunc(works(o), func(w work) bool { return w.name == o.unit }) {
		return fmt.Errorf("-unit %q is neither call nor register-digest", o.unit)
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
	var lines []string
	for _, w := range works(o) {
		if o.unit != "" && o.unit != w.name {
			continue
		}
		b := &bench{
			unit: w.unit, dir: filepath.Join(dir, w.name), out: os.Stdout,
			rounds: o.rounds, length: time.Duration(o.seconds) * time.Second,
		}
		line, fault := b.run(w.routers, ladder(w.rate))
		err = errors.Join(err, fault)
		if line != "" {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	return err
}

// work is a unit, the rate at which it is measured, and the routers that do it;
// of those of one product only the cheapest stays after the trial.
type work struct {
	unit
	rate    int
	routers []router
}

func works(o options) []work {
	return []work{
		{callUnit, o.rate, sides(o, seraph(o.proxy, "seraph.cfg", "--db", "none"), kamailio("kamailio.cfg", 1), kamailio("kamailio.cfg", 2))},
		{registerUnit, o.regRate, sides(o, seraphRegister(o.proxy), kamailioRegister(1), kamailioRegister(2), kamailioMemory(1), kamailioMemory(2))},
	}
}

// sides are those of the routers that -only lets in.
func sides(o options, routers ...router) []router {
	return slices.DeleteFunc(routers, func(r router) bool { return o.only != "" && !strings.HasPrefix(r.product, o.only) })
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
