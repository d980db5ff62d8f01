package main

import (
	"encoding/json"
	"strconv"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
)

func (a *app) psCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ps", Short: "Show the router's process", Args: arguments("ps"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			list, err := c.CorePsx(cmd.Context())
			if err != nil {
				return err
			}
			if a.asJSON() {
				return a.writeJSON(append([]ctlproto.Process{}, list...))
			}
			rows := make([][]string, len(list))
			for i, p := range list {
				rows[i] = []string{strconv.Itoa(p.PID), p.Description}
			}
			return a.writeTable([]string{"PID", "PROGRAM"}, rows)
		},
	}
}

// ulDumpCommand shows what ul show leaves out.
func (a *app) ulDumpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "dump", Short: "Show every contact with all that is known of it", Args: arguments("ul dump"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines, err := a.lookUp(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if a.asJSON() {
				return a.writeJSON(lines)
			}
			for _, line := range lines {
				for _, c := range line.Contacts {
					if err := a.dumpContact(line.AoR, c); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// dumpContact prints a contact's members, in the order and with the names of the
// control protocol.
func (a *app) dumpContact(aor string, c ctlproto.Contact) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	pairs, err := members(raw)
	if err != nil {
		return err
	}
	return a.writePairs(append([][2]string{{"AoR", aor}}, pairs...))
}
