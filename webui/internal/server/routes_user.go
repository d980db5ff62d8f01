package server

import "seraph/webui/internal/user"

// accountRoutes are the pages of somebody's own account.
func accountRoutes(p *user.Portal) []Route {
	return []Route{
		{Method: "GET", Path: "/user/account", Handler: p.Account},
		{Method: "POST", Path: "/user/account", Handler: p.AccountSave},
		{Method: "POST", Path: "/user/account/e-mail/take-back", Handler: p.MailTakeBack},
		{Method: "POST", Path: "/user/account/e-mail/again", Handler: p.MailAgain},
		{Method: "GET", Path: "/user/account/phones", Handler: p.Phones},
		{Method: "POST", Path: "/user/account/phones", Handler: p.PhoneAdd},
		{Method: "GET", Path: "/user/account/phones/remove", Handler: p.PhoneAsk},
		{Method: "POST", Path: "/user/account/phones/remove", Handler: p.PhoneRemove},
		{Method: "GET", Path: "/user/account/aliases", Handler: p.Aliases},
		{Method: "POST", Path: "/user/account/aliases", Handler: p.AliasAdd},
		{Method: "GET", Path: "/user/account/aliases/remove", Handler: p.AliasAsk},
		{Method: "POST", Path: "/user/account/aliases/remove", Handler: p.AliasRemove},
		{Method: "GET", Path: "/user/account/rules", Handler: p.Rules},
		{Method: "POST", Path: "/user/account/rules", Handler: p.RulesSave},
		{Method: "GET", Path: "/user/account/rules/block", Handler: p.BlockAsk},
		{Method: "POST", Path: "/user/account/rules/block", Handler: p.Block},
		{Method: "POST", Path: "/user/account/rules/unblock", Handler: p.Unblock},
		{Method: "GET", Path: "/user/account/security", Handler: p.Security},
		{Method: "POST", Path: "/user/account/security", Handler: p.PasswordSave},
		{Method: "GET", Path: "/user/account/security/sessions", Handler: p.SessionsAsk},
		{Method: "POST", Path: "/user/account/security/sessions", Handler: p.SessionsEnd},
		{Method: "GET", Path: "/user/account/security/sessions/:id", Handler: p.SessionAsk},
		{Method: "POST", Path: "/user/account/security/sessions/:id", Handler: p.SessionEnd},
		{Method: "GET", Path: "/user/account/public", Handler: p.PublicPage},
		{Method: "POST", Path: "/user/account/public", Handler: p.PublicSave},
		{Method: "GET", Path: "/user/account/data", Handler: p.MyData},
		{Method: "GET", Path: "/user/account/export", File: true, Handler: p.Export},
		{Method: "GET", Path: "/user/account/delete", Handler: p.LeaveAsk},
		{Method: "POST", Path: "/user/account/delete", Handler: p.Leave},
		{Method: "GET", Path: "/user/goodbye", Access: Anyone, Handler: p.Goodbye},
	}
}

// bookRoutes are the phone book, the short numbers and the people of the site.
func bookRoutes(p *user.Portal) []Route {
	return []Route{
		{Method: "GET", Path: "/user/phone-book", Handler: p.PhoneBook},
		{Method: "GET", Path: "/user/phone-book/new", Handler: p.EntryNew},
		{Method: "POST", Path: "/user/phone-book/new", Handler: p.EntryAdd},
		{Method: "GET", Path: "/user/phone-book/speed-dial", Handler: p.SpeedDial},
		{Method: "POST", Path: "/user/phone-book/speed-dial", Handler: p.SpeedDialSave},
		{Method: "GET", Path: "/user/phone-book/find", Handler: p.Find},
		{Method: "GET", Path: "/user/phone-book/groups", Handler: p.Groups},
		{Method: "POST", Path: "/user/phone-book/groups", Handler: p.GroupRename},
		{Method: "GET", Path: "/user/phone-book/groups/remove", Handler: p.GroupAsk},
		{Method: "POST", Path: "/user/phone-book/groups/remove", Handler: p.GroupRemove},
		{Method: "POST", Path: "/user/phone-book/groups/restore", Handler: p.GroupsRestore},
		{Method: "POST", Path: "/user/phone-book/selected", Handler: p.BookSelected},
		{Method: "GET", Path: "/user/phone-book/delete", Handler: p.BookAsk},
		{Method: "POST", Path: "/user/phone-book/delete", Handler: p.BookDelete},
		{Method: "POST", Path: "/user/phone-book/restore", Handler: p.BookRestore},
		{Method: "GET", Path: "/user/phone-book/import", Handler: p.Import},
		{Method: "POST", Path: "/user/phone-book/import", Upload: user.MaxImport, Handler: p.ImportLook},
		{Method: "POST", Path: "/user/phone-book/import/save", Upload: user.MaxImport, Handler: p.ImportSave},
		{Method: "GET", Path: "/user/phone-book/export.csv", File: true, Handler: p.BookCSV},
		{Method: "GET", Path: "/user/phone-book/export.vcf", File: true, Handler: p.BookCards},
		{Method: "GET", Path: "/user/phone-book/:id", Handler: p.Entry},
		{Method: "POST", Path: "/user/phone-book/:id", Handler: p.EntrySave},
		{Method: "GET", Path: "/user/phone-book/:id/delete", Handler: p.EntryAsk},
		{Method: "POST", Path: "/user/phone-book/:id/delete", Handler: p.EntryDelete},
	}
}

// callRoutes are calls begun by a page, calls missed, and all calls.
func callRoutes(p *user.Portal) []Route {
	return []Route{
		{Method: "GET", Path: "/user/dial", Handler: p.DialPage},
		{Method: "POST", Path: "/user/dial", Sends: true, Handler: p.Dial},
		{Method: "GET", Path: "/user/dial/clear", Handler: p.DialAsk},
		{Method: "POST", Path: "/user/dial/clear", Handler: p.DialClear},
		{Method: "GET", Path: "/user/dial/:id", Handler: p.Attempt},
		{Method: "POST", Path: "/user/dial/:id/cancel", Handler: p.AttemptCancel},
		{Method: "POST", Path: "/user/dial/:id/close", Handler: p.AttemptClose},

		{Method: "GET", Path: "/user/missed", Handler: p.Missed},
		{Method: "GET", Path: "/user/missed/delete", Handler: p.MissedAsk},
		{Method: "POST", Path: "/user/missed/delete", Handler: p.MissedDelete},
		{Method: "GET", Path: "/user/missed/export", File: true, Handler: p.MissedExport},

		{Method: "GET", Path: "/user/calls", Handler: p.Calls},
		{Method: "GET", Path: "/user/calls/delete", Handler: p.CallsAsk},
		{Method: "POST", Path: "/user/calls/delete", Handler: p.CallsDelete},
		{Method: "GET", Path: "/user/calls/export", File: true, Handler: p.CallsExport},
	}
}

// messageRoutes are messages, stored and new.
func messageRoutes(p *user.Portal) []Route {
	return []Route{
		{Method: "GET", Path: "/user/messages", Handler: p.Messages},
		{Method: "POST", Path: "/user/messages/read", Handler: p.MessagesRead},
		{Method: "POST", Path: "/user/messages/deliver", Handler: p.MessagesDeliver},
		{Method: "GET", Path: "/user/messages/delete", Handler: p.MessagesAsk},
		{Method: "POST", Path: "/user/messages/delete", Handler: p.MessagesDelete},
		{Method: "GET", Path: "/user/messages/new", Handler: p.SendPage},
		{Method: "POST", Path: "/user/messages/new", Sends: true, Handler: p.Send},
		{Method: "POST", Path: "/user/messages/new/room", Handler: p.SendRoom},
	}
}
