// Package sipp runs SIPp with the scenarios beside this file and reads its counts.
package sipp

import (
	"embed"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"seraph/e2e/proc"
	"seraph/e2e/wait"
)

//go:embed *.xml
var scenarios embed.FS

// Job is one SIPp process.
type Job struct {
	Scenario string // name of a scenario file without .xml, e.g. "call_uac"
	Remote   string // "ip:port" of the router; empty for a server scenario
	IP       string // local address, "127.0.0.1" unless given
	Port     int    // local SIP port
	Service  string // [service]: the user part that is called
	Domain   string // [domain]: the SIP domain
	Caller   string // [caller]: user@domain of the caller
	// Transport is SIPp's -t: "u1" (default), "t1", "tn".
	Transport string
	User      string // for digest: -au
	Password  string // for digest: -ap
	Rate      int    // new calls a second, 0 = SIPp's default of 10
	Calls     int    // end after so many calls, 0 = until stopped
	Limit     int    // calls at once, 0 = SIPp's default
	// Timeout ends SIPp however far it is; required for a client.
	Timeout time.Duration
	Keys    map[string]string // further -key values
	Args    []string          // anything else
	Dir     string            // folder for scenario copies, statistics, logs
	Name    string            // of the process; unique in Dir
	// Trace writes every message to NAME-messages.log, for tests, never for load.
	Trace bool
}

// Run is a started SIPp.
type Run struct {
	*proc.Process
	job  Job
	stat string
}

// Counts are SIPp's cumulative figures at its end.
type Counts struct {
	Created, Successful, Failed, Retransmissions, Unexpected int
	Rate                                                     float64 // calls a second over the whole run
}

// Start starts SIPp; a server scenario listens when it returns.
func Start(job Job) (*Run, error) {
	script, err := scenarios.ReadFile(job.Scenario + ".xml")
	if err != nil {
		return nil, fmt.Errorf("scenario %q: %w", job.Scenario, err)
	}
	file := filepath.Join(job.Dir, job.Name+".xml")
	if err := os.WriteFile(file, script, 0o644); err != nil {
		return nil, fmt.Errorf("scenario of %s: %w", job.Name, err)
	}
	run := &Run{job: job, stat: filepath.Join(job.Dir, job.Name+"-stat.csv")}
	run.Process, err = proc.Start(proc.Command{
		Name: job.Name, Path: "sipp", Args: job.args(file, run.stat), Dir: job.Dir, LogDir: job.Dir,
	})
	if err != nil {
		return nil, err
	}
	if job.Remote != "" {
		return run, nil
	}
	wait.Until(5*time.Second, func() bool { return proc.Bound(job.Port) || !run.Running() })
	if !run.Running() || !proc.Bound(job.Port) {
		run.Kill()
		return nil, fmt.Errorf("%s does not listen on port %d: %s", job.Name, job.Port, run.Log.Tail(5))
	}
	return run, nil
}

// CommandLine is what Start runs, for reports.
func (j Job) CommandLine() string {
	return "sipp " + strings.Join(j.args(j.Scenario+".xml", j.Name+"-stat.csv"), " ")
}

func (j Job) args(file, stat string) []string {
	var a []string
	if j.Remote != "" {
		a = append(a, j.Remote)
	}
	add := func(flag, value string) {
		if value != "" && value != "0" {
			a = append(a, flag, value)
		}
	}
	ip := j.IP
	if ip == "" {
		ip = "127.0.0.1"
	}
	a = append(a, "-sf", file, "-i", ip, "-nostdin", "-trace_stat", "-stf", stat, "-fd", "1", "-buff_size", "4194304")
	add("-p", strconv.Itoa(j.Port))
	add("-s", j.Service)
	add("-t", j.Transport)
	add("-au", j.User)
	add("-ap", j.Password)
	add("-r", strconv.Itoa(j.Rate))
	add("-m", strconv.Itoa(j.Calls))
	add("-l", strconv.Itoa(j.Limit))
	if j.Timeout > 0 {
		add("-timeout", strconv.Itoa(int((j.Timeout+time.Second-1)/time.Second))+"s")
	}
	if j.Domain != "" {
		a = append(a, "-key", "domain", j.Domain)
	}
	if j.Caller != "" {
		a = append(a, "-key", "caller", j.Caller)
	}
	for k, v := range j.Keys {
		a = append(a, "-key", k, v)
	}
	if j.Trace {
		a = append(a, "-trace_msg", "-message_file", filepath.Join(j.Dir, j.Name+"-messages.log"),
			"-trace_err", "-error_file", filepath.Join(j.Dir, j.Name+"-errors.log"))
	}
	return append(a, j.Args...)
}

// Finish waits for the end of a client and reads its counts. Failed calls are
// not an error here: they are in the counts (SIPp exits with 1 then); an exit
// for any other reason is.
func (r *Run) Finish() (Counts, error) {
	err := r.Wait(r.job.Timeout + 10*time.Second)
	if r.Running() {
		r.Kill()
		return Counts{}, err
	}
	if code := r.ExitCode(); code != 0 && code != 1 && code != 97 {
		return Counts{}, fmt.Errorf("%s ended with %d: %s", r.Name, code, r.Log.Tail(20))
	}
	return r.Counts()
}

// Counts reads the last line of the statistics, at most a second old while SIPp runs.
func (r *Run) Counts() (Counts, error) {
	f, err := os.Open(r.stat)
	if err != nil {
		return Counts{}, fmt.Errorf("statistics of %s: %w (%s)", r.Name, err, r.Log.Tail(5))
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = ';', -1, true
	rows, err := in.ReadAll()
	if err != nil || len(rows) < 2 {
		return Counts{}, fmt.Errorf("statistics of %s: %d rows: %w", r.Name, len(rows), err)
	}
	return parseCounts(rows[0], rows[len(rows)-1])
}

func parseCounts(names, values []string) (Counts, error) {
	var c Counts
	for _, f := range []struct {
		name string
		into *int
	}{
		{"TotalCallCreated", &c.Created}, {"SuccessfulCall(C)", &c.Successful}, {"FailedCall(C)", &c.Failed},
		{"Retransmissions(C)", &c.Retransmissions}, {"FailedUnexpectedMessage(C)", &c.Unexpected},
	} {
		text, err := column(names, values, f.name)
		if err != nil {
			return c, err
		}
		if *f.into, err = strconv.Atoi(text); err != nil {
			return c, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	text, err := column(names, values, "CallRate(C)")
	if err != nil {
		return c, err
	}
	if c.Rate, err = strconv.ParseFloat(text, 64); err != nil {
		return c, fmt.Errorf("CallRate(C): %w", err)
	}
	return c, nil
}

func column(names, values []string, name string) (string, error) {
	for i, n := range names {
		if n == name && i < len(values) {
			return values[i], nil
		}
	}
	return "", fmt.Errorf("SIPp's statistics have no column %q", name)
}

// Kill ends the process at once if it still runs.
func (r *Run) Kill() {
	if r.Running() {
		r.Process.Kill()
	}
}
