package script

import "seraph/proxy/internal/module"

// aliasCommand is force_tcp_alias and force_tcp_alias(port).
func (k *compiler) aliasCommand(c *call) node {
	port := 0
	if len(c.args) > 0 {
		var ok bool
		if port, ok = k.number(c, c.args[0], 1, 65535); !ok {
			return nil
		}
	}
	return func(c *module.Ctx) result {
		if c.TCPAlias(uint16(port)) {
			return done(c)
		}
		return failed(c)
	}
}
