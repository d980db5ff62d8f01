package user

import (
	"net/http"
	"slices"

	"seraph/ctlproto"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// fieldDevice is which of the caller's phones rings first: its contact, or its ruid where
// another one has the same contact; empty for all of them.
const fieldDevice = "device"

// maxAgent is how much of a phone's name the choice shows, in characters.
const maxAgent = 32

// devices are the choices of the phone that rings first, all phones being the first
// one; none if the user has one phone or none, or if the router does not tell.
func (p *Portal) devices(r *http.Request, chosen string) []view.Option {
	contacts, err := p.contacts(r.Context(), owner(r))
	if err != nil {
		p.Log.Warn("contacts not known", "user", owner(r).String(), "error", err)
		return nil
	}
	phones := byPhone(contacts)
	if len(phones) < 2 {
		return nil
	}
	options := []view.Option{{Label: p.View.TextsFor(r).Text(view.M("dial.ring_all"))}}
	for _, flows := range phones {
		c := flows[0]
		value, label := c.Address, deviceName(c)
		if c.RUID != "" && anotherHas(contacts, &c) {
			value = c.RUID
			if at := newPhone(c, p.Now()).Source; at != "" {
				label += " · " + clip(printable(at), maxName)
			}
		}
		selected := slices.ContainsFunc(flows, func(f ctlproto.Contact) bool {
			return chosen != "" && (chosen == f.RUID || chosen == f.Address && !anotherHas(contacts, &f))
		})
		options = append(options, view.Option{Value: value, Label: label, Selected: selected})
	}
	return options
}

// byPhone are contacts by their phones, which the router makes ring by any of their flows (RFC 5626).
func byPhone(contacts []ctlproto.Contact) (phones [][]ctlproto.Contact) {
	for _, c := range contacts {
		i := slices.IndexFunc(phones, func(flows []ctlproto.Contact) bool { return samePhone(&flows[0], &c) })
		if i < 0 {
			phones = append(phones, []ctlproto.Contact{c})
			continue
		}
		phones[i] = append(phones[i], c)
	}
	return phones
}

// paramRing is which of the own phones the calls of a list make ring, as in fieldDevice.
const paramRing = "ring"

// ringChoice is what the part "ring" needs: which of the own phones the calls of a list
// make ring.
type ringChoice struct {
	// Action is the list; Keep are the parameters of its address that stay.
	Action string
	Keep   map[string]string
	// Devices are the choices, none if there is nothing to choose; Device is the one
	// that was chosen, "" for all.
	Devices []view.Option
	Device  string
}

// ringChoice reads the choice from the address of a list, whose other parameters are keep.
func (p *Portal) ringChoice(r *http.Request, keep ...string) ringChoice {
	q := r.URL.Query()
	c := ringChoice{Action: r.URL.Path, Keep: make(map[string]string), Devices: p.devices(r, q.Get(paramRing))}
	for _, name := range keep {
		if value := clip(q.Get(name), maxSearch); value != "" {
			c.Keep[name] = value
		}
	}
	for _, o := range c.Devices {
		if o.Selected {
			c.Device = o.Value
		}
	}
	return c
}

// deviceName is a contact as people tell their phones apart.
func deviceName(c ctlproto.Contact) string {
	address := clip(printable(shortAddress(c.Address)), maxName)
	if c.UserAgent == "" {
		return address
	}
	return clip(printable(c.UserAgent), maxAgent) + " · " + address
}

// readDevice is the phone that is to ring, "" for all. One that is none of the
// owner's is refused: nobody makes another's phone ring.
func (p *Portal) readDevice(r *http.Request, f *form.Form) (string, error) {
	device := f.Value(fieldDevice)
	if device == "" || !f.OK() {
		return "", nil
	}
	contacts, err := p.contacts(r.Context(), owner(r))
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(contacts, func(c ctlproto.Contact) bool { return device == c.Address || device == c.RUID }) {
		f.Fail(fieldDevice, "dial.not_mine")
	}
	return device, nil
}
