package control

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzServerInput: whatever a client sends, the server neither panics nor
// hangs, and every line that it writes is JSON.
func FuzzServerInput(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{", "garbage\n", "[]\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ul.dump\"}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ul.add\",\"params\":[\"location\",\"a@b\",\"sip:x\",\"1\",0.5,\".\",0,0,1]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"presence.get\",\"params\":{\"addresses\":[\"a@b\"],\"viewer\":\"c@d\"}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ctd.dial\",\"params\":[\"a@b\",\"c\"]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"events.subscribe\",\"params\":[\"ctd\"]}\n{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"events.subscribe\",\"params\":[[\"registration\"]]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"script.check\",\"params\":{\"text\":\"x\"}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"im.send\",\"params\":{\"from\":\"a@b\",\"to\":\"c\",\"text\":\"\u0000\\u00ff\\r\\n\"}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"msilo.list\",\"params\":[\"alice@b\",\"100\",1e9]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"msilo.rm\",\"params\":[\"alice@b\",7,\"8\"]}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"msilo.rm\",\"params\":{\"owner\":\"a@b\",\"ids\":[1e99]}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"msilo.dump\",\"params\":[\"a@b\"]}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"events.subscribe\",\"params\":[\"message\",\"missed_call\"]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats.get_statistics\",\"params\":[\"tm:\",\"core:x\"]}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		proxy := newFakeProxy()
		cfg := proxy.config()
		cfg.Limits.WriteTimeout = 5 * time.Second
		s := New(cfg)
		ours, theirs := net.Pipe()
		_ = ours.SetDeadline(time.Now().Add(20 * time.Second))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.ServeConn(theirs)
		}()
		// A pipe cannot be closed on one side only, so the end of the input is
		// a shutdown: the server still answers what it has read.
		go func() {
			_, _ = ours.Write(input)
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
			defer cancel()
			_ = s.Shutdown(ctx)
		}()
		output, err := io.ReadAll(ours)
		if err != nil {
			t.Fatalf("the server hangs: %v", err)
		}
		<-ended
		for line := range bytes.Lines(output) {
			if !json.Valid(line) || line[len(line)-1] != '\n' {
				t.Fatalf("not a line of JSON: %q", line)
			}
		}
	})
}
