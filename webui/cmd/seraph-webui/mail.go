package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"seraph/sql/aor"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/public"
)

// Mail is how the portal sends mail; without a host it sends none.
type Mail struct {
	Host         string `toml:"host"`
	Port         int    `toml:"port"`
	From         string `toml:"from"`
	User         string `toml:"user"`
	PasswordFile string `toml:"password_file"`
	TLS          string `toml:"tls"`
	CAFile       string `toml:"ca_file"`
	MissedAt     string `toml:"missed_at"`
}

// SignUp is whether and how people make their own accounts; see
// public.SignUpRules.
type SignUp struct {
	Enabled bool   `toml:"enabled"`
	Approve bool   `toml:"approve"`
	Domain  string `toml:"domain"`
	Terms   string `toml:"terms"`
	Limit   int    `toml:"limit"`
}

// Bounds of what the settings may say.
const (
	maxTerms    = 256 << 10 // bytes
	maxPassFile = 1 << 10   // bytes
	maxSignUps  = 100_000
)

func defaultMail() Mail     { return Mail{Port: 587, TLS: string(mailer.StartTLS), MissedAt: "07:00"} }
func defaultSignUp() SignUp { return SignUp{Limit: 1000} }

// desk is what [mail], [signup] and public_url say, read and checked. Its errors
// name the key and hold no password.
func (c *Config) desk() (s public.Settings, err error) {
	if c.Mail.Host == "" {
		if c.SignUp.Enabled {
			return s, errors.New("signup.enabled: new accounts are confirmed by mail: set mail.host")
		}
		return s, nil
	}
	if s.URL, err = c.publicURL(); err != nil {
		return s, err
	}
	at, err := time.Parse("15:04", c.Mail.MissedAt)
	if err != nil {
		return s, fmt.Errorf("mail.missed_at: %q is no time of day such as \"07:00\"", c.Mail.MissedAt)
	}
	s.MissedAt = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	if s.Sender, err = c.Mail.sender(); err != nil {
		return s, err
	}
	s.SignUp, err = c.signUpRules()
	return s, err
}

// publicURL is the address for links in mails.
func (c *Config) publicURL() (string, error) {
	if c.PublicURL == "" {
		return "", errors.New("public_url is missing: mails need the portal's address for their links, such as \"https://phone.example.org\"")
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("public_url: %q is no address such as \"https://phone.example.org\"", c.PublicURL)
	}
	return u.Scheme + "://" + u.Host, nil
}

// sender is the mail server.
func (m Mail) sender() (*mailer.SMTP, error) {
	from, err := mail.ParseAddress(m.From)
	if err == nil {
		_, err = aor.Mail(from.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("mail.from: %q is no mail address such as \"Seraph <phone@example.org>\"", m.From)
	}
	if m.Port < 1 || m.Port > 65535 {
		return nil, fmt.Errorf("mail.port: %d is no port", m.Port)
	}
	s := &mailer.SMTP{Host: m.Host, Port: m.Port, From: from, User: m.User, TLS: mailer.TLS(m.TLS)}
	switch s.TLS {
	case mailer.StartTLS, mailer.ImplicitTLS:
	case mailer.NoTLS:
		if m.User != "" && !loopback(m.Host) {
			return nil, errors.New("mail.tls: a password is not sent without TLS, but to this machine")
		}
	default:
		return nil, fmt.Errorf("mail.tls: %q is neither \"starttls\" nor \"tls\" nor \"none\"", m.TLS)
	}
	if (m.User == "") != (m.PasswordFile == "") {
		return nil, errors.New("mail.user and mail.password_file belong together: one of them is missing")
	}
	if m.PasswordFile != "" {
		if s.Password, err = readSmall(m.PasswordFile, maxPassFile); err != nil {
			return nil, fmt.Errorf("mail.password_file: %w", err)
		}
		if s.Password = strings.TrimRight(s.Password, "\r\n"); s.Password == "" {
			return nil, fmt.Errorf("mail.password_file: %s is empty", m.PasswordFile)
		}
	}
	s.Config, err = m.trust()
	return s, err
}

// trust is the certificate authorities of ca_file; nil is the machine's.
func (m Mail) trust() (*tls.Config, error) {
	if m.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(m.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mail.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("mail.ca_file: no certificate in %s", m.CAFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// signUpRules are the rules as the pages take them: names as for aliases.
func (c *Config) signUpRules() (rules public.SignUpRules, err error) {
	s := c.SignUp
	if s.Limit < 1 || s.Limit > maxSignUps {
		return rules, fmt.Errorf("signup.limit: %d is not between 1 and %d", s.Limit, maxSignUps)
	}
	names, err := c.Aliases.rules()
	if err != nil {
		return rules, err
	}
	rules = public.SignUpRules{Enabled: s.Enabled, Approve: s.Approve, Pattern: names.Pattern, Reserved: names.Reserved, Most: s.Limit}
	if !s.Enabled {
		return rules, nil
	}
	domain := s.Domain
	if domain == "" {
		domain = c.DefaultDomain
	}
	if domain == "" {
		return rules, errors.New("signup.domain is missing: new accounts need a domain, as default_domain is not set either")
	}
	if rules.Domain, err = aor.ParseDomain(domain); err != nil {
		return rules, fmt.Errorf("signup.domain: %w", err)
	}
	rules.TermsURL, rules.TermsText, err = s.terms()
	return rules, err
}

// terms are a page elsewhere, or a text file's content.
func (s SignUp) terms() (page, text string, err error) {
	if s.Terms == "" {
		return "", "", nil
	}
	if strings.HasPrefix(s.Terms, "https://") || strings.HasPrefix(s.Terms, "http://") {
		if u, err := url.Parse(s.Terms); err != nil || u.Host == "" {
			return "", "", fmt.Errorf("signup.terms: %q is no URL", s.Terms)
		}
		return s.Terms, "", nil
	}
	if text, err = readSmall(s.Terms, maxTerms); err != nil {
		return "", "", fmt.Errorf("signup.terms: %w", err)
	}
	if strings.TrimSpace(text) == "" || !utf8.ValidString(text) {
		return "", "", fmt.Errorf("signup.terms: %s holds no text in UTF-8", s.Terms)
	}
	return "", text, nil
}

// readSmall reads a file of at most most bytes.
func readSmall(path string, most int64) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > most {
		err = fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
}
