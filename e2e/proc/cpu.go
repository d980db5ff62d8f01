package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// CPU is the time that the process and all its descendants have spent on a
// processor, summed over their threads from /proc/PID/task/*/schedstat
// (nanoseconds; the tick-based figures of /proc/PID/stat are too coarse for
// microseconds a call). Threads and children that have ended are not in it, so
// take both readings of a difference while the same ones run.
func CPU(pid int) (time.Duration, error) {
	pids, err := tree(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		if err != nil {
			return 0, fmt.Errorf("threads of %d: %w", p, err)
		}
		for _, f := range files {
			ns, err := firstField(f)
			if os.IsNotExist(err) {
				continue // the thread ended while we looked
			}
			if err != nil {
				return 0, err
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}

// firstField reads the first number of a file.
func firstField(file string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	field, _, _ := bytes.Cut(b, []byte{' '})
	n, err := strconv.ParseInt(string(field), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}

// tree lists a process and its living descendants.
func tree(pid int) ([]int, error) {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		if err != nil {
			return nil, fmt.Errorf("children of %d: %w", pids[i], err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				continue // ended meanwhile
			}
			for _, word := range bytes.Fields(b) {
				child, err := strconv.Atoi(string(word))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", f, err)
				}
				pids = append(pids, child)
			}
		}
	}
	return pids, nil
}
