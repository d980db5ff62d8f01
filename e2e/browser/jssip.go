package browser

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// jssipScript is JsSIP 3.13.8 (MIT, jssip/LICENSE), bundled and unchanged.
//
//go:embed jssip/jssip.min.js
var jssipScript string

// phonePage is a phone in a web page: it registers over a WebSocket, calls, answers every
// call with sound, and tells what happens. Its address has ?ws=URL&user=…&password=…&domain=…
//
//go:embed jssip/phone.html
var phonePage string

// Phone starts Chromium with a phone in its page, the work of JsSIP, which registers at a
// router over this WebSocket URL. It has a microphone that beeps and believes the
// router's certificate.
func Phone(t testing.TB, socket, user, password, domain string, router tls.Certificate) *Browser {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jssip.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(jssipScript))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(phonePage))
	}))
	t.Cleanup(site.Close)
	cert, err := x509.ParseCertificate(router.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	b := Start(t, site.URL, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])))
	b.Open("/?" + url.Values{"ws": {socket}, "user": {user}, "password": {password}, "domain": {domain}}.Encode())
	return b
}
