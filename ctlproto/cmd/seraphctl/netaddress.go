package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/store"
)

func (a *app) addressCommand() *cobra.Command {
	var port int
	var tag string
	add := &cobra.Command{
		Use: "add GROUP ADDRESS[/MASK]", Short: "Put a host, network or name into a group",
		Args: arguments("address add", "GROUP", "ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNetwork(cmd.Context(), args, port, tag, a.addressAdd)
		},
	}
	add.Flags().StringVar(&tag, "tag", "", "`TEXT` that the script gets when the address matches")
	rm := &cobra.Command{
		Use: "rm GROUP ADDRESS[/MASK]", Short: "Take a host, a network or a name out of a group", Args: arguments("address rm", "GROUP", "ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNetwork(cmd.Context(), args, port, "", a.addressRm)
		},
	}
	for _, cmd := range []*cobra.Command{add, rm} {
		cmd.Flags().IntVar(&port, "port", 0, "`NUMBER` of the port that the address must come with; 0 for any")
	}
	return group("address", "The hosts and networks that the script trusts or refuses, by group", add, rm, &cobra.Command{
		Use: "show", Short: "List the addresses", Args: arguments("address show"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.withDB(cmd.Context(), a.addressShow) },
	})
}

// withNetwork reads GROUP and ADDRESS[/MASK] and opens the database.
func (a *app) withNetwork(ctx context.Context, args []string, port int, tag string, do func(ctx context.Context, db *store.DB, n store.Address) error) error {
	n, err := parseNetwork(args[0], args[1])
	if err != nil {
		return err
	}
	n.Port, n.Tag = port, tag
	if n, err = n.Canonical(); err != nil {
		return wrongNetwork(err)
	}
	return a.withDB(ctx, func(ctx context.Context, db *store.DB) error { return do(ctx, db, n) })
}

func parseNetwork(group, text string) (n store.Address, err error) {
	if n.Group, err = strconv.Atoi(group); err != nil {
		return n, usagef("GROUP is a number, not %q", group)
	}
	var mask string
	var has bool
	if n.IP, mask, has = strings.Cut(text, "/"); !has {
		return n, nil
	}
	if n.Mask, err = strconv.Atoi(mask); err != nil || n.Mask < 1 {
		return n, usagef("MASK is the length of the network's prefix, not %q", mask)
	}
	return n, nil
}

// wrongNetwork words what the store says of an argument.
func wrongNetwork(err error) error {
	var wrong *store.FieldError
	if !errors.As(err, &wrong) {
		return databaseError(err)
	}
	words := map[string]string{"group": "GROUP", "ip": "ADDRESS", "mask": "MASK", "port": "--port", "tag": "--tag"}
	return usagef("%s %s", words[wrong.Field], wrong.Msg)
}

func (a *app) addressAdd(ctx context.Context, db *store.DB, n store.Address) error {
	if err := db.Addresses.Add(ctx, n); err != nil {
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%s is in group %d already", networkText(n), n.Group)
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "address.add", Object: networkText(n), After: strconv.Itoa(n.Group)}); err != nil {
		return err
	}
	a.tell(ctx, false, "it knows the address after its next look at the database", reloadAddresses)
	return a.done(networkLineOf(n), "%s is in group %d", networkText(n), n.Group)
}

func (a *app) addressRm(ctx context.Context, db *store.DB, n store.Address) error {
	if err := db.Addresses.Remove(ctx, n); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s is not in group %d", networkText(n), n.Group)
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "address.remove", Object: networkText(n), Before: strconv.Itoa(n.Group)}); err != nil {
		return err
	}
	a.tell(ctx, true, "it trusts the address until its next look at the database", reloadAddresses)
	return a.done(networkLineOf(n), "%s is no longer in group %d", networkText(n), n.Group)
}

func reloadAddresses(ctx context.Context, c *ctlproto.Client) error {
	return notLoaded(c.PermAddressReload(ctx))
}

// networkText is an address as an operator writes it.
func networkText(n store.Address) string {
	text := n.IP
	if n.Mask > 0 && n.Mask != 128 && (n.Mask != 32 || strings.Contains(n.IP, ":")) {
		text += "/" + strconv.Itoa(n.Mask)
	}
	if n.Port > 0 {
		text += " port " + strconv.Itoa(n.Port)
	}
	return text
}

// networkLine is an address in JSON.
type networkLine struct {
	Group int    `json:"group"`
	IP    string `json:"ip"`
	Mask  int    `json:"mask"`
	Port  int    `json:"port"`
	Tag   string `json:"tag"`
}

func networkLineOf(n store.Address) networkLine {
	return networkLine{Group: n.Group, IP: n.IP, Mask: n.Mask, Port: n.Port, Tag: n.Tag}
}

func (a *app) addressShow(ctx context.Context, db *store.DB) error {
	list, err := db.Addresses.All(ctx)
	if err != nil {
		return databaseError(err)
	}
	lines := []networkLine{}
	var rows [][]string
	for _, n := range list {
		lines = append(lines, networkLineOf(n))
		rows = append(rows, []string{strconv.Itoa(n.Group), networkText(n), orDash(n.Tag)})
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	return a.writeTable([]string{"GROUP", "ADDRESS", "TAG"}, rows)
}
