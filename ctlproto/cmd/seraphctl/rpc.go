package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/store"
)

func (a *app) rpcCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rpc METHOD [PARAM…]",
		Short: "Call a method of the control protocol",
		Long: `Call a method of the control protocol and print its result.

A PARAM is a JSON value, or else a string as it stands. NAME=VALUE gives a
parameter by name; then all must be so. A single JSON object is taken for all
parameters by name. Put a string that looks like JSON or like NAME=VALUE in JSON
quotes: '"a=b"'.`,
		Example: `  seraphctl rpc system.listMethods
  seraphctl rpc ul.lookup location alice@example.org
  seraphctl rpc ctd.dial caller=alice@example.org callee=sip:bob@example.org`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("rpc wants a METHOD; \"seraphctl rpc system.listMethods\" lists them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := rpcParams(args[1:])
			if err != nil {
				return err
			}
			return a.rpc(cmd.Context(), args[0], params)
		},
	}
}

// reading are the methods that change nothing that lasts: what they do is not
// recorded.
var reading = []string{
	"core.", "system.", "stats.", "tm.stats", "tm.list", "sl.", "ul.dump", "ul.lookup", "ul.flush", "presence.get", "ctd.status",
	"dlg.list", "dlg.stats_active", "domain.", "alias.", "group.", "pike.top", "msilo.list", "auth.forget", "script.check", "events.",
}

func (a *app) rpc(ctx context.Context, method string, params json.RawMessage) error {
	if method == ctlproto.MethodEventSubscribe {
		return usagef("%s makes a connection a feed, which rpc cannot show", method)
	}
	var dialer ctlproto.Dialer
	if method == ctlproto.MethodTmUacWaitBlock {
		dialer.CallTimeout = -1 // a phone rings as long as the script lets it; Ctrl-C ends that
	}
	c, err := a.connectBy(ctx, dialer)
	if err != nil {
		return err
	}
	defer c.Close()
	reads := slices.ContainsFunc(reading, func(prefix string) bool { return strings.HasPrefix(method, prefix) })
	var db *store.DB
	if !reads {
		if db, err = a.openAudit(ctx); err != nil {
			return err
		}
	}
	if db != nil {
		defer db.Close()
	}
	var result json.RawMessage
	if err := c.Call(ctx, method, given(params), &result); err != nil {
		return err
	}
	var unrecorded error
	if db != nil {
		unrecorded = a.audit(ctx, db, store.Record{Action: "rpc", Object: method, After: recorded(method, params)})
	}
	return errors.Join(a.writeResult(result), unrecorded)
}

// given is params, or nil if there are none.
func given(params json.RawMessage) any {
	if params == nil {
		return nil
	}
	return params
}

// named is NAME=VALUE. A URI with parameters is none: its colon comes first.
var named = regexp.MustCompile(`(?s)^([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)

// rpcParams makes the parameters of a call; nil if there are none.
func rpcParams(args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if len(args) == 1 && strings.HasPrefix(strings.TrimSpace(args[0]), "{") && json.Valid([]byte(args[0])) {
		return json.RawMessage(args[0]), nil
	}
	byName := map[string]json.RawMessage{}
	byOrder := []json.RawMessage{}
	for _, arg := range args {
		m := named.FindStringSubmatch(arg)
		if m == nil {
			byOrder = append(byOrder, jsonValue(arg))
			continue
		}
		if _, twice := byName[m[1]]; twice {
			return nil, usagef("the parameter %s is given twice", m[1])
		}
		byName[m[1]] = jsonValue(m[2])
	}
	switch {
	case len(byName) == 0:
		return json.Marshal(byOrder)
	case len(byOrder) > 0:
		return nil, usagef("parameters by name and by order cannot be mixed: %s has no name", byOrder[0])
	}
	return json.Marshal(byName)
}

// jsonValue is text if it is JSON, else the JSON string of it.
func jsonValue(text string) json.RawMessage {
	raw := []byte(text)
	if json.Valid(raw) {
		return bytes.TrimSpace(raw)
	}
	quoted, _ := json.Marshal(text) // a string can always be encoded
	return quoted
}

// recorded is params for the audit: without passwords, and of a message nothing,
// because what people write is nobody else's business.
func recorded(method string, params json.RawMessage) string {
	if method == ctlproto.MethodImSend {
		return ""
	}
	return maskSecrets(params)
}

// secret matches the names of members that an audit must not show.
var secret = regexp.MustCompile(`(?i)("[^"]*(?:pass|secret|ha1)[^"]*"\s*:\s*)("(?:[^"\\]|\\.)*"|[^,}\s]+)`)

// maskSecrets is params for the audit.
func maskSecrets(params json.RawMessage) string {
	return secret.ReplaceAllString(string(params), `${1}"***"`)
}
