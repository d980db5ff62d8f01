package control

import "context"

// Options is the fake's answer to a ping.
func (f *fakeProxy) Options(_ context.Context, uri string) (int, string, error) {
	return 200, "OK", f.did("options " + uri)
}
