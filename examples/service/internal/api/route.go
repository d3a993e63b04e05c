package api

import "slices"

// entrance says who may call an operation at all. What they may do with it is decided by the mailbox.
type entrance int

const (
	// identified: whoever is authenticated by the header Authorization.
	identified entrance = iota
	// ticketed: also whoever has a ticket for the path.
	ticketed
	// public: anybody.
	public
)

// route is an operation of the document.
type route struct {
	method, path string
	operation    string // the operationId
	entrance     entrance
	handle       func(*call) error
}

const (
	mailboxPath = Prefix + "/mailboxes/{mailbox}"
	messagePath = mailboxPath + "/messages/{message}"
	eventsPath  = Prefix + "/events"
)

// routes are all operations. A test holds them to the document.
func routes() []route {
	return []route{
		{"GET", "/openapi.yaml", "getDocument", public, document("openapi.yaml")},
		{"GET", "/openapi/gdpr.yaml", "getPrivacyDocument", public, document("gdpr.yaml")},
		{"GET", "/healthz", "getHealth", public, (*call).getHealth},
		{"GET", "/readyz", "getReadiness", public, (*call).getReadiness},

		{"GET", Prefix + "/me", "getMe", identified, (*call).getMe},
		{"POST", Prefix + "/tickets", "createTicket", identified, (*call).createTicket},
		{"GET", eventsPath, "streamEvents", ticketed, (*call).streamEvents},
		{"POST", Prefix + "/search", "searchMessages", identified, (*call).searchMessages},

		{"GET", Prefix + "/settings", "getTenant", identified, (*call).getTenant},
		{"PATCH", Prefix + "/settings", "updateTenant", identified, (*call).updateTenant},

		{"GET", Prefix + "/mailboxes", "listMailboxes", identified, (*call).listMailboxes},
		{"POST", Prefix + "/mailboxes", "createMailbox", identified, (*call).createMailbox},
		{"GET", mailboxPath, "getMailbox", identified, (*call).getMailbox},
		{"PATCH", mailboxPath, "updateMailbox", identified, (*call).updateMailbox},
		{"DELETE", mailboxPath, "deleteMailbox", identified, (*call).deleteMailbox},

		{"GET", mailboxPath + "/usage", "getUsage", identified, (*call).getUsage},
		{"GET", mailboxPath + "/pin", "getPIN", identified, (*call).getPIN},
		{"PUT", mailboxPath + "/pin", "setPIN", identified, (*call).setPIN},
		{"DELETE", mailboxPath + "/pin", "clearPIN", identified, (*call).clearPIN},
		{"POST", mailboxPath + "/pin/change", "changePIN", identified, (*call).changePIN},
		{"POST", mailboxPath + "/pin/unlock", "unlockPIN", identified, (*call).unlockPIN},

		{"GET", mailboxPath + "/greetings", "listGreetings", identified, (*call).listGreetings},
		{"GET", mailboxPath + "/greeting", "chooseGreeting", identified, (*call).chooseGreeting},
		{"PUT", mailboxPath + "/greetings/{kind}", "setGreeting", identified, (*call).setGreeting},
		{"DELETE", mailboxPath + "/greetings/{kind}", "deleteGreeting", identified, (*call).deleteGreeting},
		{"GET", mailboxPath + "/greetings/{kind}/recording", "getGreeting", ticketed, (*call).getGreeting},
		{"GET", mailboxPath + "/greetings/{kind}/revisions", "listGreetingRevisions", identified, (*call).listRevisions},
		{"POST", mailboxPath + "/greetings/{kind}/revisions/{revision}/restore", "restoreGreeting", identified, (*call).restoreGreeting},

		{"GET", mailboxPath + "/messages", "listMessages", identified, (*call).listMessages},
		{"POST", mailboxPath + "/messages", "depositMessage", identified, (*call).depositMessage},
		{"GET", messagePath, "getMessage", identified, (*call).getMessage},
		{"PATCH", messagePath, "updateMessage", identified, (*call).updateMessage},
		{"DELETE", messagePath, "deleteMessage", identified, (*call).deleteMessage},
		{"GET", messagePath + "/recording", "getRecording", ticketed, (*call).getRecording},
		{"POST", messagePath + "/copies", "copyMessage", identified, (*call).copyMessage},
		{"GET", messagePath + "/parts", "listParts", identified, (*call).listParts},
		{"POST", messagePath + "/parts/{kind}", "addPart", identified, (*call).addPart},
		{"GET", messagePath + "/parts/{kind}/{revision}", "getPart", ticketed, (*call).getPart},
		{"POST", messagePath + "/move", "moveMessage", identified, (*call).moveMessage},
		{"POST", mailboxPath + "/moves", "moveMessages", identified, (*call).moveMessages},
	}
}

// Operations returns what the API answers, as "POST /path", sorted. Tests hold it to the document.
func Operations() []string {
	var list []string
	for _, r := range routes() {
		list = append(list, r.method+" "+r.path)
	}
	slices.Sort(list)
	return list
}
