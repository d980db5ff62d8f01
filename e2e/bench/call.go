package main

import (
	"fmt"
	"time"

	"seraph/e2e/proc"
	"seraph/e2e/sipp"
)

// callUnit is the record-routed call.
var callUnit = unit{
	name:   "call",
	title:  "call relayed statefully, record-routed, UDP: INVITE 100 180 200 ACK BYE 200",
	noun:   "call",
	answer: "200",
	load:   callLoad,
	jobs:   callJobs,
}

func callLoad(b *bench, s *server, length time.Duration) (result, error) {
	b.loads++
	if err := s.register(b.callee, b.answer); err != nil { // the binding may not expire in a long run
		return result{}, err
	}
	uas, err := sipp.Start(b.calleeJob())
	if err != nil {
		return result{}, err
	}
	defer uas.Kill()
	job, err := b.callerJob(s, length)
	if err != nil {
		return result{}, err
	}
	return measure(s, job)
}

func callJobs(b *bench, s *server) []sipp.Job {
	jobs := []sipp.Job{b.calleeJob()}
	if job, err := b.callerJob(s, b.length); err == nil {
		jobs = append(jobs, job)
	}
	return jobs
}

func (b *bench) calleeJob() sipp.Job {
	return sipp.Job{
		Scenario: "call_uas", Service: "bob", Port: b.callee, Dir: b.dir,
		Name: fmt.Sprintf("uas-%d", b.loads),
	}
}

func (b *bench) callerJob(s *server, length time.Duration) (sipp.Job, error) {
	port, err := proc.FreePort("127.0.0.1", 0)
	return sipp.Job{
		Scenario: "call_uac", Service: "bob", Domain: "127.0.0.1", Caller: "alice@127.0.0.1", Port: port, Dir: b.dir,
		Remote: fmt.Sprintf("127.0.0.1:%d", s.port), Rate: b.rate, Calls: b.rate * int(length/time.Second),
		// A call may stand through every retransmission of a lost message.
		Limit: 20000, Timeout: length + 20*time.Second, Name: fmt.Sprintf("uac-%d", b.loads),
	}, err
}
