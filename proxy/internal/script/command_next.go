package script

import "seraph/proxy/internal/module"

// nextCommand is isdsturiset and resetdsturi, Kamailio's questions for $du: whether the request
// goes elsewhere than the Request-URI says, and back.
func (k *compiler) nextCommand(x *call) node {
	if x.name == "resetdsturi" {
		return func(c *module.Ctx) result { c.SetNext(nil); return done(c) }
	}
	return func(c *module.Ctx) result {
		if c.HasNext() {
			return done(c)
		}
		return failed(c)
	}
}
