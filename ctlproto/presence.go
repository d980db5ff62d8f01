package ctlproto

// PresenceStatus is what a viewer may know of an address.
type PresenceStatus string

// The five statuses. "on the phone" comes with the proxy's dialog table; a
// proxy without one never says it.
const (
	StatusOnLine     PresenceStatus = "on line"
	StatusOnThePhone PresenceStatus = "on the phone"
	StatusOffline    PresenceStatus = "offline"
	StatusNonLocal   PresenceStatus = "non-local" // none of our domains
	StatusUnknown    PresenceStatus = "unknown"   // hidden by its owner or no such user: never told apart
)

// PresenceParams are the parameters of presence.get.
type PresenceParams struct {
	Addresses []string `json:"addresses"` // at most MaxAddresses: SIP URIs or user@domain
	Viewer    string   `json:"viewer"`    // user@domain of who looks; "" = somebody not signed in
}

// PresenceResult is the result of presence.get. The keys are the addresses as
// they were asked for.
type PresenceResult struct {
	Presence map[string]PresenceStatus `json:"presence"`
}
