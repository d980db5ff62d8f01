package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// open opens a journal and returns it with what it holds.
func open(t testing.TB, folder string) (*Journal, []string, Report) {
	t.Helper()
	j, err := Open(folder, MinSize)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	report, err := j.Replay(func(_ uint64, payload []byte) error {
		list = append(list, string(payload))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return j, list, report
}

func appended(t testing.TB, j *Journal, texts ...string) uint64 {
	t.Helper()
	var payloads [][]byte
	for _, text := range texts {
		payloads = append(payloads, []byte(text))
	}
	number, err := j.Append(payloads)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func wantRecords(t testing.TB, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// files are the segments' paths in order.
func files(t testing.TB, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// TestOrder: what was appended over several lives is there, in order, and dropping
// takes the oldest segments only.
func TestOrder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "journal")
	j, got, _ := open(t, folder)
	wantRecords(t, got)
	first := appended(t, j, "a", "b")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, got, _ = open(t, folder)
	wantRecords(t, got, "a", "b")
	second := appended(t, j, "", "c")
	if second <= first {
		t.Errorf("segment %d follows %d", second, first)
	}
	if err := j.Drop(second); err != nil {
		t.Fatal(err)
	}
	appended(t, j, "d")
	_, got, _ = open(t, folder)
	wantRecords(t, got, "", "c", "d")
	if err := j.Drop(^uint64(0)); err != nil {
		t.Fatal(err)
	}
	if list := files(t, folder); len(list) != 0 || j.Size() != 0 {
		t.Errorf("after all is dropped there are %q, %d bytes", list, j.Size())
	}
	appended(t, j, "e")
	_, got, _ = open(t, folder)
	wantRecords(t, got, "e")
}

// TestCrashAtEachByte: wherever the writing ended, what is whole is there, the rest
// is cut off, and the journal goes on.
func TestCrashAtEachByte(t *testing.T) {
	folder := t.TempDir()
	j, _, _ := open(t, folder)
	texts := []string{"first", "", "third, with " + marker[2:5], "fourth"}
	var ends []int
	for _, text := range texts {
		appended(t, j, text)
		ends = append(ends, int(j.Size()))
	}
	name := filepath.Base(files(t, folder)[0])
	whole, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		crashed := t.TempDir()
		if err := os.WriteFile(filepath.Join(crashed, name), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		k, got, report := open(t, crashed)
		count, good := 0, 0
		for i, end := range ends {
			if end <= n {
				count, good = i+1, end
			}
		}
		if !slices.Equal(got, texts[:count]) && len(got)+count > 0 {
			t.Fatalf("cut at %d: %q, want %q", n, got, texts[:count])
		}
		if report.Cut != int64(n-good) || report.Skipped != 0 || k.Size() != int64(good) {
			t.Fatalf("cut at %d: %+v, %d bytes; want %d cut, %d left", n, report, k.Size(), n-good, good)
		}
		appended(t, k, "after")
		_, again, report := open(t, crashed)
		if !slices.Equal(again, append(slices.Clone(texts[:count]), "after")) || report.Cut+report.Skipped != 0 {
			t.Fatalf("cut at %d, then appended: %q, %+v", n, again, report)
		}
	}
}

// TestCorruptMiddle: each byte of a record in the middle, changed, costs that record
// at most, and is reported.
func TestCorruptMiddle(t *testing.T) {
	folder := t.TempDir()
	j, _, _ := open(t, folder)
	appended(t, j, "one")
	from := j.Size()
	appended(t, j, "two")
	to := j.Size()
	appended(t, j, "three")
	path := files(t, folder)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x20
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, got, report := open(t, folder)
		if !slices.Equal(got, []string{"one", "three"}) || report.Skipped != to-from || !slices.Equal(report.Damaged, []string{path}) {
			t.Errorf("byte %d changed: %q, %+v", i, got, report)
		}
	}
}

// TestDamagedOldSegment: what is cut off in a segment that others follow is damage.
func TestDamagedOldSegment(t *testing.T) {
	folder := t.TempDir()
	j, _, _ := open(t, folder)
	appended(t, j, "one")
	appended(t, j, "two")
	j, _, _ = open(t, folder)
	appended(t, j, "three")
	path := files(t, folder)[0]
	if err := os.Truncate(path, j.segments[0].size-1); err != nil {
		t.Fatal(err)
	}
	_, got, report := open(t, folder)
	wantRecords(t, got, "one", "three")
	if report.Skipped == 0 || report.Cut != 0 || len(report.Damaged) != 1 {
		t.Errorf("reported is %+v", report)
	}
}

// TestBounds: segments are rotated, the journal is bounded, and there is room again
// when the oldest segment is gone.
func TestBounds(t *testing.T) {
	folder := t.TempDir()
	j, _, _ := open(t, folder)
	text := strings.Repeat("x", 10000)
	var last uint64
	n := 0
	for {
		number, err := j.Append([][]byte{[]byte(text)})
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = number
		n++
	}
	if n < 100 || j.Size() > MinSize || last < 10 || len(files(t, folder)) != int(last) {
		t.Errorf("%d records of 10000 bytes, %d bytes, %d segments", n, j.Size(), last)
	}
	again := 0 // what is said again finds some room still
	for ; ; again++ {
		number, err := j.AppendAgain([][]byte{[]byte(text)})
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = max(last, number)
	}
	if again < 10 || j.Size() <= MinSize || j.Size() > MinSize+MinSize/8 || len(files(t, folder)) != int(last) {
		t.Errorf("%d more, %d bytes, %d segments", again, j.Size(), last)
	}
	if err := j.Drop(4); err != nil {
		t.Fatal(err)
	}
	appended(t, j, text)
	if _, err := j.Append([][]byte{make([]byte, MaxRecord+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record that is too large: %v", err)
	}
}

// faulty is a segment on a disk that runs full.
type faulty struct {
	*os.File
	room    *int // bytes until the disk is full
	unsynch *bool
}

func (f faulty) Write(b []byte) (int, error) {
	n := min(len(b), *f.room)
	*f.room -= n
	if _, err := f.File.Write(b[:n]); err != nil {
		return 0, err
	}
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (f faulty) Sync() error {
	if *f.unsynch {
		return syscall.EIO
	}
	return f.File.Sync()
}

// TestDiskFull: what the disk does not take whole is not there at all, and the
// journal goes on when the disk does.
func TestDiskFull(t *testing.T) {
	for room := range 2 * headSize {
		folder := t.TempDir()
		j, _, _ := open(t, folder)
		space, bad := 1000, false
		j.create = func(path string) (file, error) {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			return faulty{f, &space, &bad}, err
		}
		appended(t, j, "one")
		space = room
		if _, err := j.Append([][]byte{[]byte("two"), []byte("three")}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("with %d bytes left: %v, want no space left", room, err)
		}
		space, bad = 1000, true
		if _, err := j.Append([][]byte{[]byte("four")}); !errors.Is(err, syscall.EIO) {
			t.Fatalf("without sync: %v, want an error", err)
		}
		bad = false
		appended(t, j, "five")
		_, got, report := open(t, folder)
		wantRecords(t, got, "one", "five")
		if report.Skipped != 0 {
			t.Errorf("with %d bytes left: reported is %+v", room, report)
		}
	}
}

// TestFailingDiskFillsNoFolder: however often a disk fails, it gets no more files by that, and the
// list of segments does not grow.
func TestFailingDiskFillsNoFolder(t *testing.T) {
	for name, fail := range map[string]func(space *int, bad *bool, round int){
		"full":                 func(space *int, _ *bool, _ int) { *space = 0 },
		"nearly full":          func(space *int, _ *bool, round int) { *space = round % headSize },
		"nothing lasts":        func(_ *int, bad *bool, _ int) { *bad = true },
		"the one, the other":   func(space *int, bad *bool, round int) { *space, *bad = 1000*(round%2), round%2 == 1 },
		"broken and then full": func(space *int, bad *bool, round int) { *space, *bad = 1000*max(0, 3-round), round < 3 },
	} {
		for _, begun := range []bool{true, false} {
			t.Run(fmt.Sprint(name, begun), func(t *testing.T) {
				folder := t.TempDir()
				j, _, _ := open(t, folder)
				space, bad := 1000, false
				j.create = func(path string) (file, error) {
					f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
					return faulty{f, &space, &bad}, err
				}
				want := []string{"after", "all"}
				if begun {
					appended(t, j, "before")
					want = append([]string{"before"}, want...)
				}
				for round := range 50 {
					fail(&space, &bad, round)
					if _, err := j.Append([][]byte{[]byte("never there")}); err == nil {
						t.Fatal("an append to a disk that fails works")
					}
				}
				if n := len(files(t, folder)); n > 2 || len(j.segments) > 2 {
					t.Errorf("%d files, %d segments in the list", n, len(j.segments))
				}
				space, bad = 1000, false
				appended(t, j, "after")
				appended(t, j, "all")
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				_, got, report := open(t, folder)
				wantRecords(t, got, want...)
				if report.Skipped+report.Cut != 0 {
					t.Errorf("reported is %+v", report)
				}
			})
		}
	}
}

// stubborn is a segment whose next calls fail after they have been done.
type stubborn struct {
	*os.File
	syncs, truncates *int // how many calls fail
}

func fails(n *int) error {
	if *n == 0 {
		return nil
	}
	*n--
	return syscall.EIO
}

func (f stubborn) Sync() error { return errors.Join(f.File.Sync(), fails(f.syncs)) }

func (f stubborn) Truncate(size int64) error {
	if err := fails(f.truncates); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// TestFailureAfterAWholeWrite: what was promised after an append that failed, and that
// could not be taken back at once, is not lost at the next start. What failed is taken
// back before the next append, if the disk lets it.
func TestFailureAfterAWholeWrite(t *testing.T) {
	for _, c := range []struct {
		name             string
		syncs, truncates int
		want             []string
	}{
		{"taken back", 1, 0, []string{"one", "four", "five", "six"}},
		{"taken back, which does not last at once", 2, 0, []string{"one", "four", "five", "six"}},
		{"taken back later", 1, 1, []string{"one", "four", "five", "six"}},
		{"never taken back", 1, 1000, []string{"one", "two", "three", "four", "five", "six"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			j, _, _ := open(t, folder)
			syncs, truncates := 0, 0
			j.create = func(path string) (file, error) {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				return stubborn{f, &syncs, &truncates}, err
			}
			appended(t, j, "one")
			syncs, truncates = c.syncs, c.truncates
			if _, err := j.Append([][]byte{[]byte("two"), []byte("three")}); !errors.Is(err, syscall.EIO) {
				t.Fatalf("an append that is not synchronised: %v, want an error", err)
			}
			appended(t, j, "four")
			appended(t, j, "five")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j, got, report := open(t, folder)
			if !slices.Equal(got, c.want[:len(c.want)-1]) || report.Skipped+report.Cut != 0 {
				t.Errorf("after the start there are %q, want %q; %+v", got, c.want[:len(c.want)-1], report)
			}
			appended(t, j, "six")
			_, got, _ = open(t, folder)
			wantRecords(t, got, c.want...)
		})
	}
}

// TestOpenRefuses: a folder that cannot be one is named.
func TestOpenRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, 0); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file: %v", err)
	}
	if _, err := Open(filepath.Join(path, "sub", "journal"), 0); err == nil {
		t.Error("a folder without parent was opened")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, got, report := open(t, folder); len(got) != 0 || report.Skipped != 0 {
		t.Errorf("a foreign file is read: %q", got)
	}
}

// TestModel plays appends, drops, crashes in the middle of a write and restarts
// against a list.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "journal")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		type kept struct {
			segment uint64
			text    string
		}
		var want []kept
		var j *Journal
		reopen := func() {
			if j, err = Open(folder, MinSize); err != nil {
				t.Fatal(err)
			}
			var got, texts []string
			if _, err := j.Replay(func(_ uint64, p []byte) error { got = append(got, string(p)); return nil }); err != nil {
				t.Fatal(err)
			}
			for _, k := range want {
				texts = append(texts, k.text)
			}
			if !slices.Equal(got, texts) {
				t.Fatalf("the journal has %q, want %q", got, texts)
			}
		}
		reopen()
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				var payloads [][]byte
				for range rapid.IntRange(1, 3).Draw(t, "n") {
					payloads = append(payloads, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload"))
				}
				number, err := j.Append(payloads)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range payloads {
					want = append(want, kept{number, string(p)})
				}
			},
			"drop": func(t *rapid.T) {
				below := uint64(rapid.IntRange(0, int(j.next)).Draw(t, "below"))
				if err := j.Drop(below); err != nil {
					t.Fatal(err)
				}
				want = slices.DeleteFunc(want, func(k kept) bool { return k.segment < below })
			},
			"restart": func(*rapid.T) { _ = j.Close(); reopen() },
			"crash": func(t *rapid.T) {
				_ = j.Close()
				list, _ := filepath.Glob(filepath.Join(folder, "*"+suffix))
				if len(list) > 0 {
					slices.Sort(list)
					torn := appendRecord(nil, 1<<40, []byte("never promised"))
					f, err := os.OpenFile(list[len(list)-1], os.O_APPEND|os.O_WRONLY, 0)
					if err != nil {
						t.Fatal(err)
					}
					_, err = f.Write(torn[:rapid.IntRange(0, len(torn)-1).Draw(t, "torn")])
					if err = errors.Join(err, f.Close()); err != nil {
						t.Fatal(err)
					}
				}
				reopen()
			},
		})
	})
}

// FuzzScan: no bytes make the reader fail, and what it finds is in them.
func FuzzScan(f *testing.F) {
	one := appendRecord(nil, 7, []byte("payload"))
	f.Add(one)
	f.Add(append(bytes.Clone(one[:10]), one...))
	f.Add(bytes.Repeat([]byte(marker), 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		found := 0
		good, skipped, err := scan(b, func(number uint64, payload []byte) error {
			found += headSize + len(payload)
			if !bytes.Contains(b, appendRecord(nil, number, payload)) {
				return fmt.Errorf("record %d is not there", number)
			}
			return nil
		})
		if err != nil || good > len(b) || good != found+skipped {
			t.Fatalf("good %d, skipped %d, found %d of %d bytes: %v", good, skipped, found, len(b), err)
		}
	})
}

// TestForgedRecord: no record can be written as text, and so by a phone.
func TestForgedRecord(t *testing.T) {
	for _, number := range []uint64{0, 1, 1 << 40} {
		if utf8.Valid(appendRecord(nil, number, []byte("forged"))) {
			t.Errorf("record %d is UTF-8 text", number)
		}
	}
}
