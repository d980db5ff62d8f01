package script

import (
	"io/fs"
	"log/slog"
	"time"

	"seraph/proxy/internal/transport"
)

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
	// EnableTLS says that TLS is listened on where Listen is empty, as with SER.
	EnableTLS bool
	// TLS are SER's settings of TLS outside its module, by the module's names.
	TLS map[string]string
	// Streams bounds the connections.
	Streams Streams
	// OpenFiles is how many files the process should be able to open at least; 0 if not set.
	OpenFiles int
	// UDPWorkers is how many sockets share a UDP address, 0 if not set.
	UDPWorkers int

	// Alias lists names and addresses that are ourselves too, each a host or host:port.
	Alias []string
	// AdvertisedAddress and AdvertisedPort stand in Via and Record-Route in place of
	// the address of each Listen entry that has no "advertise" of its own.
	AdvertisedAddress string
	AdvertisedPort    int

	// Memory is what transactions and dialogs may hold, in bytes, 0 if not set.
	Memory int64
	// MaxWhileLoops is how many rounds a loop may take, 0 if not set.
	MaxWhileLoops int

	// Resolver is how name servers are asked and what is kept of their answers.
	Resolver transport.ResolverConfig

	// UnixSock is the path of the control socket.
	UnixSock string
	// FIFO is the path of the command FIFO, FIFODir the folder of its callers' own
	// pipes, FIFOGroup the file's group (a name or a number); empty where not set.
	FIFO, FIFODir, FIFOGroup string
	// FIFOMode is the mode of the command FIFO, 0 if not set.
	FIFOMode fs.FileMode
	// LogLevel is what debug= asks for, nil if not set.
	LogLevel *slog.Level
}

// MostMemory bounds Globals.Memory, in bytes.
const MostMemory = 1 << 40

// Streams are the settings of connections; what is not set is 0.
type Streams struct {
	MaxConns                              int
	ConnectTimeout, SendTimeout, Lifetime time.Duration
	// MaxPerSource bounds the connections of one source.
	MaxPerSource int
	// MaxPerUser bounds the connections over which one user is known.
	MaxPerUser int
	// StrangerLifetime is Lifetime for peers that have not proven anything.
	StrangerLifetime time.Duration
	// AcceptAliases says that the Via parameter alias of a request is honoured whoever
	// sends it, as with SER.
	AcceptAliases bool
}

func (g *Globals) maxWhileLoops() int {
	if g.MaxWhileLoops == 0 {
		return defaultWhileLoops
	}
	return g.MaxWhileLoops
}
