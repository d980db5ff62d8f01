package user

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// The statuses as pages and streams name them: data-status of a row.
const (
	statusOnline   = "online"
	statusBusy     = "busy"
	statusOffline  = "offline"
	statusNonLocal = "non-local"
	statusUnknown  = "unknown"
)

// statusName names a status for pages; what a newer router invents is unknown.
func statusName(s ctlproto.PresenceStatus) string {
	switch s {
	case ctlproto.StatusOnLine:
		return statusOnline
	case ctlproto.StatusOnThePhone:
		return statusBusy
	case ctlproto.StatusOffline:
		return statusOffline
	case ctlproto.StatusNonLocal:
		return statusNonLocal
	}
	return statusUnknown
}

// known is a status of a page, unknown if the router was not to be asked.
func known(status string) string {
	if status == "" {
		return statusUnknown
	}
	return status
}

// presenceKey is what marks a row and what presence is asked by: user@domain,
// or the address itself where it has none (tel).
func presenceKey(address string) string {
	if who, err := aor.Parse(address, ""); err == nil {
		return who.String()
	}
	return address
}

// presenceOf asks for the status of addresses as viewer may see it, in one
// call for each 500. The map has every address, as unknown if the router did
// not say.
func presenceOf(ctx context.Context, router Router, viewer aor.AOR, addresses []string) (map[string]string, error) {
	statuses := make(map[string]string, len(addresses))
	for chunk := range slices.Chunk(addresses, ctlproto.MaxAddresses) {
		got, err := router.PresenceGet(ctx, viewer.String(), chunk)
		if err != nil {
			return nil, err
		}
		for _, address := range chunk {
			statuses[address] = statusName(got[address])
		}
	}
	return statuses, nil
}

// routerAway reports that err, of a call of the router, says that the router
// could not be asked, rather than that it refused.
func routerAway(err error) bool {
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return false
	}
	code := ctlproto.CodeOf(err)
	return code == 0 || code == ctlproto.CodeUnavailable
}

// presence is presenceOf for a page.
func (p *Portal) presence(r *http.Request, addresses []string) (statuses map[string]string, err error) {
	err = p.router.Ask(r.Context(), func(ctx context.Context) (err error) {
		statuses, err = presenceOf(ctx, p.Ctl, owner(r), addresses)
		return err
	})
	return statuses, err
}
