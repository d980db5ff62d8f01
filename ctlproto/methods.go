package ctlproto

// Names of the methods. A server lists (system.listMethods) and answers only
// those whose part of the proxy is loaded.
const (
	MethodCoreVersion    = "core.version"         // → string
	MethodCoreUptime     = "core.uptime"          // → CoreUptime
	MethodCoreInfo       = "core.info"            // → CoreInfo
	MethodCorePsx        = "core.psx"             // → []Process
	MethodListMethods    = "system.listMethods"   // → []string
	MethodStatistics     = "stats.get_statistics" // names… → []string
	MethodStatsFetch     = "stats.fetch"          // names… → map[string]string
	MethodTmStats        = "tm.stats"             // → TmStats
	MethodTmList         = "tm.list"              // TmListParams → []TmTransaction
	MethodSlStats        = "sl.stats"             // → SlStats
	MethodUlDump         = "ul.dump"              // [brief] → UlDump or UlBrief
	MethodUlLookup       = "ul.lookup"            // table aor → UlAoR
	MethodUlAdd          = "ul.add"               // UlAddParams → Done
	MethodUlRm           = "ul.rm"                // table aor → Done
	MethodUlRmContact    = "ul.rm_contact"        // table aor contact [ruid] → Done
	MethodUlFlush        = "ul.flush"             // → Done
	MethodPresenceGet    = "presence.get"         // PresenceParams → PresenceResult
	MethodCtdDial        = "ctd.dial"             // CtdDialParams → CtdDialResult
	MethodCtdStatus      = "ctd.status"           // id → CtdStatus
	MethodCtdList        = "ctd.list"             // CtdListParams → []CtdStatus
	MethodCtdCancel      = "ctd.cancel"           // id actor → Done
	MethodImSend         = "im.send"              // ImSendParams → ImSendResult
	MethodMsiloList      = "msilo.list"           // MsiloListParams → MsiloListResult
	MethodMsiloRm        = "msilo.rm"             // MsiloRmParams → MsiloRmResult
	MethodMsiloRead      = "msilo.read"           // MsiloReadParams → MsiloReadResult
	MethodMsiloDump      = "msilo.dump"           // owner → MsiloDumpResult
	MethodTmUacWaitBlock = "tm.t_uac_wait_block"  // TmUacParams → TmUacReply
	MethodTmUacStart     = "tm.t_uac_start"
	MethodScriptCheck    = "script.check"     // ScriptCheckParams → ScriptCheckResult
	MethodScriptReload   = "script.reload"    // → ScriptReloadResult
	MethodAuthForget     = "auth.forget"      // aor → Done
	MethodDomainReload   = "domain.reload"    // → Done
	MethodDomainDump     = "domain.dump"      // → []DomainItem
	MethodAliasReload    = "alias.reload"     // → Done
	MethodGroupReload    = "group.reload"     // → Done
	MethodTLSReload      = "tls.reload"       // → Done
	MethodEventSubscribe = "events.subscribe" // SubscribeParams → SubscribeResult
)

// Done is the empty result ({}) of a method that only does something.
type Done struct{}
