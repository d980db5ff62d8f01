package script

import "log/slog"

// Globals are the settings that a script makes outside its routes. A field that
// the script does not set has its zero value.
type Globals struct {
	// Listen is every listening address as transport.ParseListen reads it. An
	// entry without a port has got the one that the script's port= names.
	Listen []string
	// Port is the value of port=, 0 if not set: the port to listen on where
	// Listen is empty.
	Port int
	// DisableTCP says that addresses without a protocol mean UDP alone.
	DisableTCP bool
	// UDPWorkers is how many sockets share a UDP address, 0 if not set.
	UDPWorkers int

	// Alias lists names and addresses that are ourselves too, each a host or host:port.
	Alias []string
	// AdvertisedAddress and AdvertisedPort stand in Via and Record-Route in place of
	// the address of each Listen entry that has no "advertise" of its own.
	AdvertisedAddress string
	AdvertisedPort    int

	// UnixSock is the path of the control socket.
	UnixSock string
	// LogLevel is what debug= asks for, nil if not set.
	LogLevel *slog.Level
}
