package deploy_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// directive is one of nginx: its words, and what stands in its braces.
type directive struct {
	words []string
	block []directive // nil if it ends with a semicolon
}

// nginxWords takes a configuration apart: words, quoted ones included, and ; { }.
var nginxWords = regexp.MustCompile(`#[^\n]*|"[^"\n]*"|'[^'\n]*'|[^\s;{}#"']+|[;{}]|["']`)

// parseNginx reads directives to the end of their block.
func parseNginx(words []string, inside bool) (list []directive, rest []string, err error) {
	var d directive
	list = []directive{}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case word[0] == '#':
		case word == `"` || word == `'`:
			return nil, nil, fmt.Errorf("a quote that does not end, after %q", d.words)
		case (word == ";" || word == "{") && d.words == nil:
			return nil, nil, fmt.Errorf("%q without a directive", word)
		case word == ";":
			list, d = append(list, d), directive{}
		case word == "{":
			if d.block, words, err = parseNginx(words, true); err != nil {
				return nil, nil, err
			}
			list, d = append(list, d), directive{}
		case word == "}" && (!inside || d.words != nil):
			return nil, nil, fmt.Errorf("a } too many, or no ; after %q", d.words)
		case word == "}":
			return list, words, nil
		default:
			d.words = append(d.words, strings.Trim(word, `"'`))
		}
	}
	if inside || d.words != nil {
		return nil, nil, fmt.Errorf("it ends within a block or after %q", d.words)
	}
	return list, nil, nil
}

// all gives the arguments of each directive of that name, wherever it stands.
func all(list []directive, name string) (found [][]string) {
	for _, d := range list {
		if d.words[0] == name {
			found = append(found, d.words[1:])
		}
		found = append(found, all(d.block, name)...)
	}
	return found
}

func TestParseNginx(t *testing.T) {
	for _, text := range []string{"a", "a {", "a { b }", "a; }", ";", "{ }", "a \"b;", "a { b; } c"} {
		if _, _, err := parseNginx(nginxWords.FindAllString(text, -1), false); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestNginxSample: the sample is well-formed and says what the portal needs to hear: where it
// listens, who asks, and how much and how long.
func TestNginxSample(t *testing.T) {
	conf, _, err := parseNginx(nginxWords.FindAllString(read(t, "nginx.conf"), -1), false)
	if err != nil {
		t.Fatal(err)
	}
	listen := regexp.MustCompile(`(?m)^listen = "(.*)"`).FindStringSubmatch(read(t, "webui.toml"))
	upstream := all(conf, "upstream")
	if len(upstream) != 1 || listen == nil || !slices.ContainsFunc(all(conf, "server"), func(s []string) bool { return slices.Equal(s, listen[1:2]) }) ||
		!slices.ContainsFunc(all(conf, "proxy_pass"), func(s []string) bool { return s[0] == "http://"+upstream[0][0] }) {
		t.Errorf("it does not lead to where webui.toml listens, %q", listen)
	}
	set := map[string]string{}
	for _, s := range all(conf, "proxy_set_header") {
		set[s[0]] = s[1]
	}
	for _, header := range regexp.MustCompile(`"X-Forwarded-\w+"`).FindAllString(read(t, "../webui/internal/session/client.go"), -1) {
		if value := set[strings.Trim(header, `"`)]; !strings.HasPrefix(value, "$") {
			t.Errorf("the portal believes %s, which the sample sets to %q", header, value)
		}
	}
	if set["X-Forwarded-For"] != "$remote_addr" || set["Connection"] != "" {
		t.Errorf("headers %v", set)
	}
	file := regexp.MustCompile(`MaxFile = (\d+) << 20`).FindStringSubmatch(read(t, "../webui/internal/contacts/contacts.go"))
	size := all(conf, "client_max_body_size")
	if file == nil || len(size) != 1 || number(t, strings.TrimSuffix(size[0][0], "m")) <= number(t, file[1]) {
		t.Errorf("client_max_body_size %v is not above %v MiB", size, file)
	}
	comment := regexp.MustCompile(`&o\.Comment, (\d+)\*time\.Second`).FindStringSubmatch(read(t, "../webui/internal/user/live.go"))
	wait := all(conf, "proxy_read_timeout")
	if comment == nil || len(wait) != 1 || number(t, strings.TrimSuffix(wait[0][0], "s")) <= 2*number(t, comment[1]) {
		t.Errorf("proxy_read_timeout %v is not well above %v s", wait, comment)
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
