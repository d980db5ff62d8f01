package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/sql/store"
)

// patience is the deadline of everything that a test waits for.
const patience = 10 * time.Second

// logs is what the program logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs the program on a free port with its state in a folder.
func start(t *testing.T, state string, change ...func(*Config)) (*Main, *logs) {
	t.Helper()
	cfg := defaults()
	cfg.Listen, cfg.State, cfg.Ctl = "127.0.0.1:0", state, filepath.Join(state, "ctl.sock")
	for _, f := range change {
		f(&cfg)
	}
	l := &logs{}
	m := &Main{Config: cfg, Log: slog.New(slog.NewTextHandler(l, nil))}
	check(t, m.Run(t.Context()))
	t.Cleanup(func() { m.Close() })
	return m, l
}

// get fetches a page without following redirects.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return getWith(t, url, "")
}

// getWith is get with a User-Agent.
func getWith(t *testing.T, url, agent string) (int, string) {
	t.Helper()
	client := http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	check(t, err)
	q.Header.Set("User-Agent", agent)
	r, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	check(t, err)
	return r.StatusCode, string(body)
}

// until polls until a page has a status.
func until(t *testing.T, url string, status int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		code, body := get(t, url)
		if code == status {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: status %d, want %d; body:\n%s", url, code, status, body)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func migrate(t *testing.T, state string) {
	t.Helper()
	url, err := store.SQLiteURL(filepath.Join(state, "seraph.db"))
	check(t, err)
	db, err := store.Open(t.Context(), url, store.Options{})
	check(t, err)
	_, err = db.Migrate(t.Context())
	check(t, err)
	check(t, db.Close())
}

// TestWaitsForTheSchemaAndGoesOn by itself.
func TestWaitsForTheSchemaAndGoesOn(t *testing.T) {
	state := t.TempDir()
	m, log := start(t, state)
	until(t, m.URL()+"/healthz", http.StatusServiceUnavailable)
	deadline := time.Now().Add(patience)
	for {
		code, body := get(t, m.URL()+"/user/phone-book")
		if code != http.StatusServiceUnavailable {
			t.Fatalf("status %d", code)
		}
		if strings.Contains(body, "seraphctl db migrate") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page does not name the command:\n%s", body)
		}
	}
	if !strings.Contains(log.String(), "waiting for the database") {
		t.Errorf("log:\n%s", log)
	}
	migrate(t, state)
	until(t, m.URL()+"/healthz", http.StatusOK)
	if code, body := get(t, m.URL()+"/user/sign-in"); code != http.StatusOK || !strings.Contains(body, "Sign in") {
		t.Errorf("sign-in: status %d, body:\n%s", code, body)
	}
}

// TestSlowHeadersAreNotWaitedFor: a stranger cannot hold connections open.
func TestSlowHeadersAreNotWaitedFor(t *testing.T) {
	m, _ := start(t, t.TempDir())
	if m.http.ReadHeaderTimeout <= 0 || m.http.IdleTimeout <= 0 || m.http.MaxHeaderBytes <= 0 {
		t.Errorf("limits %v, %v, %d", m.http.ReadHeaderTimeout, m.http.IdleTimeout, m.http.MaxHeaderBytes)
	}
	if code, _ := getWith(t, m.URL()+"/user/sign-in", strings.Repeat("x", 2*maxHeader)); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("an endless header: status %d, want 431", code)
	}
}

// TestWaitsForTheFolder that the proxy may not have made yet.
func TestWaitsForTheFolder(t *testing.T) {
	state := filepath.Join(t.TempDir(), "later")
	m, _ := start(t, state, func(c *Config) { c.Ctl = "/tmp/none.sock" })
	until(t, m.URL()+"/user/sign-in", http.StatusServiceUnavailable)
	check(t, os.Mkdir(state, 0o700))
	migrate(t, state)
	until(t, m.URL()+"/user/sign-in", http.StatusOK)
}

func TestRunFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer taken.Close()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"address taken", []string{"--listen", taken.Addr().String()}, "listen: "},
		{"database URL", []string{"--listen", "127.0.0.1:0", "--db", "postgres://u:hush-hush@h/d"}, "unknown scheme"},
		{"certificate", []string{"--listen", "127.0.0.1:0", "--config", write(t, "tls_cert=\"/no/cert\"\ntls_key=\"/no/key\"")}, "tls_cert, tls_key: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var errs bytes.Buffer
			if code := run(t.Context(), c.args, new(bytes.Buffer), &errs); code != 1 || !strings.Contains(errs.String(), c.want) {
				t.Errorf("code %d, %s", code, &errs)
			}
			if strings.Contains(errs.String(), "hush-hush") {
				t.Errorf("a password is shown: %s", &errs)
			}
		})
	}
}

// TestEndsWithItsContext, as on SIGTERM, with nothing left behind.
func TestEndsWithItsContext(t *testing.T) {
	state := t.TempDir()
	migrate(t, state)
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	log := &logs{}
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--state", state, "--ctl", filepath.Join(state, "ctl.sock")}, io.Discard, log)
	}()
	url := address(t, log)
	until(t, url+"/healthz", http.StatusOK)
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("code %d", code)
		}
	case <-time.After(patience):
		t.Fatalf("does not end; log:\n%s", log)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second); err == nil {
		t.Error("still listens")
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

// address waits for the line that says where the program listens.
func address(t *testing.T, log *logs) string {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if _, rest, found := strings.Cut(log.String(), "msg=listening url="); found {
			url, _, _ := strings.Cut(rest, " ")
			return url
		}
		runtime.Gosched()
	}
	t.Fatalf("does not listen; log:\n%s", log)
	return ""
}

func TestTLS(t *testing.T) {
	state := t.TempDir()
	migrate(t, state)
	cert, key := certificate(t)
	m, _ := start(t, state, func(c *Config) { c.TLSCert, c.TLSKey = cert, key })
	if !strings.HasPrefix(m.URL(), "https://") {
		t.Fatalf("URL %s", m.URL())
	}
	until(t, m.URL()+"/healthz", http.StatusOK)
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	r, err := client.Get(m.URL() + "/user/sign-in")
	check(t, err)
	r.Body.Close()
	for _, c := range r.Cookies() {
		if !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie %+v", c)
		}
	}
	if len(r.Cookies()) == 0 {
		t.Error("no cookie")
	}
	if r.ProtoMajor != 2 { // one connection bears the streams of all tabs
		t.Errorf("protocol %s, want HTTP/2", r.Proto)
	}
}

// certificate makes a certificate for the test and writes it down.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	check(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	check(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return cert, key
}
