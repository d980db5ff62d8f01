package control

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

const inviteParams = `["INVITE","sip:alice@example.org",".",".","From: <sip:c@example.org>\r\nTo: <sip:a@example.org>\r\n"]`

// TestWaitOutlastsTheLimitOfCalls: a phone may ring as long as the script lets it.
func TestWaitOutlastsTheLimitOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.rings = make(chan struct{})
		w := plug(t, start(t, proxy.config()))
		w.send(`{"jsonrpc":"2.0","id":1,"method":"tm.t_uac_wait_block","params":` + inviteParams + "}\n")
		time.Sleep(time.Hour)
		synctest.Wait()
		if proxy.times("hang up") != 0 {
			t.Error("given up within an hour")
		}
		close(proxy.rings)
		if got := w.receive(); got != `{"jsonrpc":"2.0","id":1,"result":{"code":200,"text":"Fine"}}` {
			t.Errorf("answer %s", got)
		}
	})
}

// TestWaitsAreBounded, and none is for ever; what is one too many sends nothing.
func TestWaitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.rings = make(chan struct{})
		cfg := proxy.config()
		cfg.Limits.Waits = 2
		s := start(t, cfg)
		w := plug(t, s)
		before := time.Now()
		for id := range 2 {
			w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tm.t_uac_wait_block","params":%s}`+"\n", id, inviteParams))
		}
		synctest.Wait()
		if got := plug(t, s).call("tm.t_uac_wait_block", inviteParams); !strings.Contains(got, "2 requests wait for a phone's answer") || proxy.times("request") != 2 {
			t.Errorf("the third: %s; %d were sent", got, proxy.times("request"))
		}
		_ = w.nc.SetReadDeadline(time.Time{})
		for range 2 {
			if line, err := ctlproto.ReadLine(w.in, 1000); err != nil || !strings.Contains(string(line), "took too long") || time.Since(before) != waitLimit {
				t.Errorf("after %v: %s, %v", time.Since(before), line, err)
			}
		}
		if proxy.times("hang up") != 2 {
			t.Errorf("%d hung up", proxy.times("hang up"))
		}
		close(proxy.rings)
		if got := plug(t, s).call("tm.t_uac_wait_block", inviteParams); !strings.Contains(got, `"code":200`) {
			t.Errorf("afterwards: %s", got)
		}
	})
}

// TestShutdownEndsWaits: a phone that rings does not keep the router from stopping.
func TestShutdownEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.rings = make(chan struct{})
		s := New(proxy.config())
		w := plug(t, s)
		w.send(`{"jsonrpc":"2.0","id":1,"method":"tm.t_uac_wait_block","params":` + inviteParams + "}\n")
		synctest.Wait()
		before := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		if got := w.receive(); !strings.Contains(got, "-32004") {
			t.Errorf("answer %s", got)
		}
		if err := <-ended; err != nil || time.Since(before) != 0 || proxy.times("hang up") != 1 {
			t.Errorf("shut down after %v, %v; %d hung up", time.Since(before), err, proxy.times("hang up"))
		}
	})
}

// TestWaitEndsWithItsCaller: who closes the connection is waited for no longer; who closes
// only its side of it, as nc does after its last request, gets the answer.
func TestWaitEndsWithItsCaller(t *testing.T) {
	proxy := newFakeProxy()
	proxy.rings = make(chan struct{})
	s := start(t, proxy.config())
	path := filepath.Join(shortDir(t), "ctl.sock")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	dial := func() *wire {
		nc, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		w := newWire(t, nc)
		w.send(`{"jsonrpc":"2.0","id":1,"method":"tm.t_uac_wait_block","params":` + inviteParams + "}\n")
		return w
	}
	half, whole := dial(), dial()
	if err := half.nc.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return proxy.times("request") == 2 })
	whole.nc.Close()
	waitFor(t, func() bool { return proxy.times("hang up") == 1 })
	close(proxy.rings)
	if got := half.receive(); !strings.Contains(got, `"code":200`) || proxy.times("hang up") != 1 {
		t.Errorf("half closed: %s; %d hung up", got, proxy.times("hang up"))
	}
}

// fifoInvite is a t_uac_dlg with the reply name.
func fifoInvite(name string) string {
	return ":t_uac_dlg:" + name + "\nINVITE\nsip:alice@example.org\n.\nFrom: <sip:c@example.org>\nTo: <sip:a@example.org>\n.\n.\n\n"
}

// TestFIFOWaits: phones that ring keep nobody else from the pipe, and each caller gets one
// answer when there is one.
func TestFIFOWaits(t *testing.T) {
	p := openPipe(t)
	p.proxy.rings = make(chan struct{})
	var replies []<-chan string
	for i := range maxFIFOCalls + 1 {
		name := fmt.Sprintf("w%d", i)
		replies = append(replies, p.reader(name))
		if i%2 == 0 {
			p.write(fifoInvite(name))
		} else {
			p.write(`{"method":"tm.t_uac_wait_block","params":` + inviteParams + `,"reply_name":"` + name + `"}`)
		}
	}
	waitFor(t, func() bool { return p.proxy.times("request") == maxFIFOCalls+1 })
	if got := p.call("other", ":version:other\n\n"); !strings.HasPrefix(got, "200 ok\n") {
		t.Errorf("another command: %q", got)
	}
	close(p.proxy.rings)
	for i, reply := range replies {
		want := "200 Fine\nsip:alice@192.0.2.1\n"
		if i%2 == 1 {
			want = "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{\n\t\t\"code\":\t200,"
		}
		select {
		case got := <-reply:
			if !strings.HasPrefix(got, want) || strings.Count(got, "200") != 1 {
				t.Errorf("answer %d: %q", i, got)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no answer %d", i)
		}
	}
	if n := p.proxy.times("hang up"); n != 0 {
		t.Errorf("%d hung up", n)
	}
}

// TestFIFOCallerLeaves: who reads its pipe no longer, while the phone rings or when it has
// answered, leaves no call behind.
func TestFIFOCallerLeaves(t *testing.T) {
	p := openPipe(t)
	p.proxy.rings = make(chan struct{})
	open := func(name string) *os.File {
		path := filepath.Join(p.dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	reader := open("left")
	p.write(fifoInvite("left"))
	waitFor(t, func() bool { return p.proxy.times("request") == 1 })
	// An end is read before the router has opened the pipe, and "try again" after that.
	waitFor(t, func() bool {
		n, err := syscall.Read(int(reader.Fd()), make([]byte, 1))
		return n < 0 && err == syscall.EAGAIN
	})
	reader.Close()
	waitFor(t, func() bool { return p.proxy.times("hang up") == 1 })

	if err := syscall.Mkfifo(filepath.Join(p.dir, "never"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.write(fifoInvite("never"))
	waitFor(t, func() bool { return p.proxy.times("request") == 2 })
	close(p.proxy.rings)
	waitFor(t, func() bool { return p.proxy.times("hang up") == 2 })
}

// TestBareNames: with one domain they are its users, in every kind of command, and the
// JSON of who asks is answered for the whole address.
func TestBareNames(t *testing.T) {
	p := openPipe(t)
	p.proxy.serves = []string{"example.org"}
	for _, tc := range []struct{ name, request, want, did string }{
		{"show", ":ul_show_contact:show\nlocation\nalice\n\n", "200 OK\n<sip:alice@192.0.2.1>;q=1.00;expires=3600\n", ""},
		{"add", ":ul_add:add\nlocation\nAlice\nsip:alice@192.0.2.7\n3600\n1.0\n0\n\n", "200 Added to table\n", "add alice@example.org "},
		{"rm", ":ul_rm:rm\nlocation\nalice\n\n", "200 user (location, alice) deleted\n", "rm alice@example.org"},
		{"lookup", `{"method": "ul.lookup", "params": ["location", "alice"], "reply_name": "lookup", "id": 1}`, "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{\n\t\t\"AoR\":\t\"alice@example.org\"", ""},
		{"ping", `{"method": "tm.t_uac_wait_block", "params": ["OPTIONS", "alice"], "reply_name": "ping"}`, "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\"", "options sip:alice@example.org"},
		{"whole", ":ul_show_contact:whole\nlocation\nalice@example.net\n\n", "404 ", ""},
		{"wrong", ":ul_show_contact:wrong\nlocation\nal ice\n\n", "400 Invalid params: aor: ", ""},
	} {
		before := len(p.proxy.done)
		if got := p.call(tc.name, tc.request); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
		if did := strings.Join(p.proxy.done[before:], "\n"); !strings.HasPrefix(did, tc.did) {
			t.Errorf("%s: did %q, want %q", tc.name, did, tc.did)
		}
	}
	p.proxy.serves = strings.Fields("a.example b.example c.example d.example e.example f.example g.example h.example i.example j.example")
	want := "400 Invalid params: aor: \"alice\" has no domain, and the router serves several; write alice@DOMAIN with one of: a.example, b.example, c.example, d.example, e.example, f.example, g.example, h.example and 2 more\n"
	if got := p.call("many", ":ul_rm:many\nlocation\nalice\n\n"); got != want {
		t.Errorf("several domains: %q", got)
	}
	p.proxy.serves = []string{}
	if got := p.call("none", ":ul_rm:none\nlocation\nalice\n\n"); !strings.Contains(got, "no default is known") {
		t.Errorf("no domain: %q", got)
	}
}
