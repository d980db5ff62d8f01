package user

import (
	"strings"

	"seraph/webui/internal/view"
)

// Words of a User-Agent field that name a browser and a system, the telling
// ones first: Edge says that it is Chrome, Chrome that it is Safari, Android
// that it is Linux.
var (
	browserWords = [][2]string{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	}
	systemWords = [][2]string{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "macOS"}, {"Linux", "Linux"}, {"BSD", "BSD"},
	}
)

// browserName is what a person would call the browser with this User-Agent
// field: "Firefox on Linux". It is a guess, and only shown.
func browserName(agent string) view.Msg {
	browser, system := word(agent, browserWords), word(agent, systemWords)
	switch {
	case browser == "":
		return view.M("security.unknown_browser")
	case system == "":
		return view.M("security.browser_alone", browser)
	}
	return view.M("security.browser_on", browser, system)
}

func word(agent string, words [][2]string) string {
	for _, w := range words {
		if strings.Contains(agent, w[0]) {
			return w[1]
		}
	}
	return ""
}
