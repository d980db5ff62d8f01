package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
)

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stats [GROUP | GROUP:NAME]…",
		Short: "Show statistics: all, or of the groups named (tm, usrloc, ctd …)",
		RunE:  func(cmd *cobra.Command, args []string) error { return a.stats(cmd.Context(), args) },
	}
}

func (a *app) stats(ctx context.Context, names []string) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := statistics(ctx, c, names)
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.writeJSON(statisticsMap(list))
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		rows[i] = []string{s.Group + ":" + s.Name, strconv.FormatInt(s.Value, 10)}
	}
	return a.writeTable([]string{"STATISTIC", "VALUE"}, rows)
}

// statistics asks for what the names mean; a group that has none is an error
// that lists those which have, unlike in the protocol.
func statistics(ctx context.Context, c *ctlproto.Client, names []string) ([]ctlproto.Statistic, error) {
	asked := make([]string, len(names))
	for i, name := range names {
		asked[i] = name
		if name != "all" && !strings.ContainsAny(name, ":.") {
			asked[i] = name + ":"
		}
	}
	list, err := c.Statistics(ctx, asked...)
	if err != nil {
		return nil, err
	}
	for _, name := range asked {
		group, ok := strings.CutSuffix(name, ":")
		if !ok || slices.ContainsFunc(list, func(s ctlproto.Statistic) bool { return s.Group == group }) {
			continue
		}
		all, err := c.Statistics(ctx)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("there are no statistics of a group %q; the groups are: %s", group, strings.Join(groupsOf(all), ", "))
	}
	return list, nil
}

// groupsOf names the groups of sorted statistics.
func groupsOf(list []ctlproto.Statistic) []string {
	var groups []string
	for _, s := range list {
		groups = append(groups, s.Group)
	}
	return slices.Compact(groups)
}

// statisticsMap is the JSON of stats: "group:name" → value.
func statisticsMap(list []ctlproto.Statistic) map[string]int64 {
	m := make(map[string]int64, len(list))
	for _, s := range list {
		m[s.Group+":"+s.Name] = s.Value
	}
	return m
}

func (a *app) uptimeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "uptime", Short: "Show since when the router runs", Args: arguments("uptime"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			up, err := c.CoreUptime(cmd.Context())
			if err != nil {
				return err
			}
			if a.asJSON() {
				return a.writeJSON(up)
			}
			_, err = fmt.Fprintf(a.out, "up %s, since %s UTC\n", span(up.Uptime), safe(up.UpSince))
			return err
		},
	}
}

// span words a number of seconds in its two or three largest units.
func span(seconds int64) string {
	days, rest := seconds/86400, time.Duration(seconds%86400)*time.Second
	if days == 0 {
		return rest.String()
	}
	return fmt.Sprintf("%dd%s", days, rest)
}

// versions is the JSON of version; Proxy is null if there is none to ask.
type versions struct {
	Seraphctl string  `json:"seraphctl"`
	Proxy     *string `json:"proxy"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the versions of seraphctl and of the running router", Args: arguments("version"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			proxy, err := a.proxyVersion(cmd.Context())
			if a.asJSON() {
				v := versions{Seraphctl: a.version}
				if err == nil {
					v.Proxy = &proxy
				}
				return a.writeJSON(v)
			}
			switch {
			case notRunning(err):
				proxy = "not running on " + a.socket
			case err != nil:
				proxy = err.Error()
			}
			return a.writePairs([][2]string{{"seraphctl", a.version}, {"seraph-proxy", proxy}})
		},
	}
}

// proxyVersion is what the router says in its greeting, which even an
// incompatible release can be asked for.
func (a *app) proxyVersion(ctx context.Context) (string, error) {
	c, err := a.connect(ctx)
	var other *ctlproto.IncompatibleError
	switch {
	case errors.As(err, &other):
		return fmt.Sprintf("%s (another control protocol: %d, ours is %d)", other.Hello.Version, other.Hello.Protocol, ctlproto.ProtocolVersion), nil
	case err != nil:
		return "", err
	}
	defer c.Close()
	return c.Hello().Version, nil
}

// writeResult prints the result of any method.
func (a *app) writeResult(result json.RawMessage) error {
	var text string
	if !a.asJSON() && json.Unmarshal(result, &text) == nil {
		_, err := fmt.Fprintln(a.out, safe(text))
		return err
	}
	return a.writeJSON(json.RawMessage(plainHTML(result)))
}

// plainHTML writes <, > and & in JSON as they are, where an encoder escaped
// them for the sake of web pages.
func plainHTML(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		if c, ok := htmlEscapes[string(raw[i:min(i+6, len(raw))])]; ok {
			out = append(out, c)
			i += 5
			continue
		}
		out = append(out, raw[i], raw[i+1]) // so that \\ is not taken for the begin of an escape
		i++
	}
	return out
}

// htmlEscapes are what encoding/json makes of these.
var htmlEscapes = map[string]byte{`\u003c`: '<', `\u003e`: '>', `\u0026`: '&'}
