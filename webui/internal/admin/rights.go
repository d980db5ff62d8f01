package admin

import (
	"slices"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// Rights are what one account may do here.
type Rights struct {
	who   aor.AOR
	admin store.Admin
}

// RightsOf makes the rights of an account from its privileges.
func RightsOf(who aor.AOR, privileges []store.Privilege) Rights {
	return Rights{who, store.Admin{AOR: who, Privileges: privileges}}
}

// Any reports whether there is anything here for the account: all domains, or
// its own. Other privileges only add to these.
func (x Rights) Any() bool { return x.Everywhere() || x.admin.Has(store.PrivilegeDomain) }

// Everywhere reports whether the account administers every domain.
func (x Rights) Everywhere() bool { return x.admin.Has(store.PrivilegeAdmin) }

// Scope is the domain that lists are narrowed to, "" for all.
func (x Rights) Scope() string {
	if x.Everywhere() {
		return ""
	}
	return x.who.Domain
}

// Sees reports whether a user is in the account's domains. The others are as
// good as none.
func (x Rights) Sees(user aor.AOR) bool {
	return x.Everywhere() || x.Any() && user.Domain == x.who.Domain
}

// MayChange reports whether the account may change another one, or itself:
// one that it sees and that has no more rights.
func (x Rights) MayChange(user Rights) bool {
	return x.Sees(user.who) && !slices.ContainsFunc(user.admin.Privileges, func(p store.Privilege) bool { return !x.covers(p) })
}

// covers reports whether the account has a privilege, or one that includes it.
// One that this program does not know includes nothing and is included by none.
func (x Rights) covers(p store.Privilege) bool {
	switch {
	case x.admin.Has(p):
		return true
	case p == store.PrivilegeDomain, strings.HasPrefix(string(p), string(store.PrivilegeGroup(""))):
		return x.Everywhere()
	}
	return false
}

// MayGrant reports whether the account may put users into a group, and take
// them out.
func (x Rights) MayGrant(group string) bool { return x.covers(store.PrivilegeGroup(group)) }

// Groups are those that an account without rights everywhere may grant.
func (x Rights) Groups() []string {
	var groups []string
	for _, p := range x.admin.Privileges {
		if group, ok := strings.CutPrefix(string(p), string(store.PrivilegeGroup(""))); ok {
			groups = append(groups, group)
		}
	}
	return groups
}
