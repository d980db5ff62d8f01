// What pages do by themselves: live statuses, the click-to-dial card, notices.
// Everything else of the portal works without this file. It holds no texts:
// those stand in the templates of #live.
"use strict";
(() => {
	const byID = id => document.getElementById(id);
	const live = byID("live");
	const notice = byID("live-notice");
	const card = byID("dial-card");
	const body = byID("dial-body");
	const said = byID("dial-said");
	if (!live || !window.EventSource) return;

	// ---- notices ----

	// say shows one of #live's texts at the top of the page, "" none.
	const say = name => {
		if (notice.dataset.shows === name) return;
		notice.dataset.shows = name;
		notice.replaceChildren(...(name ? [byID("live-" + name).content.cloneNode(true)] : []));
	};

	// ---- statuses ----

	const words = {};
	for (const element of byID("live-statuses").content.children) {
		const name = [...element.classList].find(c => c.startsWith("status-"));
		words[name.slice("status-".length)] = element;
	}

	const setStatus = (row, status) => {
		if (row.dataset.status === status || !words[status]) return;
		row.dataset.status = status;
		const shown = row.querySelector(".status");
		if (shown) shown.replaceWith(words[status].cloneNode(true));
	};

	const rows = () => document.querySelectorAll("[data-aor][data-status]");

	const setStatuses = statuses => {
		for (const row of rows()) {
			const status = statuses[row.dataset.aor];
			if (status) setStatus(row, status);
		}
	};

	// ---- the numbers on the tabs ----

	const setBadges = ({missed, messages}) => {
		for (const [name, count] of Object.entries({missed, messages})) {
			const badge = document.querySelector(`[data-badge="${name}"]`);
			if (!badge || count === undefined) continue;
			badge.querySelector(".badge-count").textContent = count > 99 ? "99+" : count;
			badge.hidden = count === 0;
		}
	};

	// unknownStatuses is for when nobody tells the page.
	const unknownStatuses = () => {
		for (const row of rows()) if (row.dataset.status !== "non-local") setStatus(row, "unknown");
	};

	// ---- the card ----

	const shown = () => body.querySelector("[data-call]");
	const versionOf = element => element ? Number(element.dataset.version) : -1;

	// older says that a new card is one that the page has passed already.
	const older = fresh => {
		const current = shown();
		return current && fresh && current.dataset.call === fresh.dataset.call && versionOf(fresh) < versionOf(current);
	};

	const parse = html => {
		const holder = document.createElement("template");
		holder.innerHTML = html;
		return holder.content;
	};

	// setCard puts a card in place, keeping what the reader has opened and where
	// the focus is.
	const setCard = ({id, html}) => {
		const page = document.querySelector("#attempt[data-call]");
		if (page && id && page.dataset.call === id) {
			body.replaceChildren(); // the page itself shows it
			return refreshAttempt(page, parse(html).querySelector("[data-call]"));
		}
		const content = parse(html);
		const fresh = content.querySelector("[data-call]");
		if (older(fresh) || !fresh && body.innerHTML.trim() === html.trim()) return;
		if (fresh && shown() && fresh.dataset.call === shown().dataset.call && versionOf(fresh) === versionOf(shown())) return;
		const focus = focusInCard();
		const open = body.querySelector("details[open]") !== null;
		body.replaceChildren(content);
		if (window.htmx) htmx.process(body);
		const details = body.querySelector("details");
		if (details && open) details.open = true;
		restoreFocus(focus);
	};

	// A card takes no focus; but who is in it stays in it, and who closes it
	// goes on at the page.
	const focusInCard = () => body.contains(document.activeElement) ? document.activeElement : null;
	const restoreFocus = before => {
		if (!before) return;
		const after = before.id && byID(before.id) || body.querySelector("button") || document.querySelector("main");
		after.focus({preventScroll: true});
	};

	// refreshAttempt brings the attempt's own page up to date.
	const refreshAttempt = (page, fresh) => {
		if (!window.htmx || fresh && versionOf(fresh) <= versionOf(page)) return;
		htmx.ajax("GET", page.dataset.page, {target: "#attempt", select: "#attempt", swap: "outerHTML"});
	};

	// announce says the card's step once, and gives the page the room that the
	// card covers.
	const announce = () => {
		const step = shown() ? shown().dataset.call + " " + shown().dataset.say : "";
		if (said.dataset.step !== step) {
			said.dataset.step = step;
			said.textContent = shown() ? shown().dataset.say : "";
		}
		measure();
	};
	const measure = () => {
		const height = body.firstElementChild ? card.getBoundingClientRect().height + 16 : 0;
		document.documentElement.style.setProperty("--card-height", Math.ceil(height) + "px");
	};
	const first = document.querySelector("#attempt[data-call]");
	if (first && shown() && shown().dataset.call === first.dataset.call) body.replaceChildren();
	if (shown()) said.dataset.step = shown().dataset.call + " " + shown().dataset.say; // the page before has said it
	measure();
	new MutationObserver(announce).observe(body, {childList: true});
	if (window.ResizeObserver) new ResizeObserver(measure).observe(card);

	// closeCard is what Esc and the cross do; the server keeps it closed on
	// other pages.
	const closeCard = () => {
		const form = body.querySelector("form[data-close]");
		if (form) form.requestSubmit();
	};

	document.addEventListener("keydown", event => {
		if (event.key !== "Escape" || event.defaultPrevented) return;
		const menu = document.querySelector("details.menu[open]");
		if (menu) {
			menu.open = false;
			menu.querySelector("summary").focus();
		} else if (shown()) {
			closeCard();
		}
	});
	// A menu that is left covers nothing any more.
	for (const kind of ["click", "focusin"]) {
		document.addEventListener(kind, event => {
			for (const menu of document.querySelectorAll("details.menu[open]")) {
				if (!menu.contains(event.target)) menu.open = false;
			}
		});
	}

	// ---- forms that htmx sends ----

	document.addEventListener("htmx:beforeSwap", event => {
		if (event.detail.target !== body || !event.detail.shouldSwap) return;
		const focus = focusInCard();
		if (focus) body.addEventListener("htmx:afterSwap", () => restoreFocus(focus), {once: true});
		if (older(parse(event.detail.serverResponse).querySelector("[data-call]"))) event.detail.shouldSwap = false;
	});
	// A refusal has a page that says why: let the browser show it.
	document.addEventListener("htmx:responseError", event => {
		const status = event.detail.xhr.status;
		if (!(event.detail.elt instanceof HTMLFormElement)) return; // what the page asked by itself stays as it was
		if (status >= 500) showAnswer(event.detail.xhr);
		else if (status !== 401) event.detail.elt.submit();
	});
	// showAnswer puts the page that the server answered with in place of this
	// one: asking again might do something twice.
	const showAnswer = xhr => {
		const answer = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("main");
		if (!answer) return say("unsent");
		document.querySelector("main").replaceWith(document.adoptNode(answer));
		if (window.htmx) htmx.process(answer);
		answer.focus();
	};
	document.addEventListener("htmx:sendError", event => { if (event.detail.elt instanceof HTMLFormElement) say("unsent"); });

	// ---- lists that are read again ----

	const liveList = '[hx-trigger^="live:"]';
	const waiting = new Set(); // lists in which the reader has selected text

	const selected = list => {
		const selection = getSelection();
		return selection && !selection.isCollapsed && list.contains(selection.anchorNode);
	};

	// A list whose beginning is out of sight stays where it is read: what is new comes
	// above. htmx keeps the focus, and what is ticked, by their ids.
	const placeIn = list => {
		const top = document.querySelector(".bar").getBoundingClientRect().bottom;
		if (list.getBoundingClientRect().top >= top) return null;
		const row = [...list.querySelectorAll(".pick input[id]")].find(e => e.getBoundingClientRect().top >= top);
		return row ? {id: row.id, y: row.getBoundingClientRect().top} : null;
	};
	const backTo = ({id, y}) => {
		const row = byID(id);
		if (row) scrollBy(0, row.getBoundingClientRect().top - y);
	};

	document.addEventListener("htmx:beforeSwap", event => {
		const list = event.detail.target;
		if (!event.detail.shouldSwap || !list.matches(liveList)) return;
		if (selected(list)) {
			event.detail.shouldSwap = false;
			waiting.add(list);
			return;
		}
		const place = placeIn(list);
		if (place) list.addEventListener("htmx:afterSwap", () => backTo(place), {once: true});
	});
	document.addEventListener("selectionchange", () => {
		for (const list of waiting) {
			if (selected(list)) continue;
			waiting.delete(list);
			htmx.trigger(document.body, list.getAttribute("hx-trigger").split(" ")[0]);
		}
	});

	// ---- the feed ----

	let ended = false;
	let begun = false; // a state came before
	let away = 0; // timer

	// What the feed says, by its names; live.js knows where it comes from.
	const heard = {
		state: state => {
			setStatuses(state.presence);
			setCard(state.card);
			if (state.badges) setBadges(state.badges);
			document.documentElement.dataset.live = "on";
			hideAway();
			say("");
			if (begun) ["contacts", "calls", "missed", "messages"].forEach(what => fire("live:" + what)); // what changed while there was no feed
			begun = true;
		},
		presence: setStatuses,
		card: card => { setCard(card); fire("live:card"); },
		badges: badges => {
			setBadges(badges);
			if (badges.changed) fire("live:" + badges.changed);
		},
		contacts: () => fire("live:contacts"),
		calls: () => fire("live:calls"),
		// A site that has just started has not reached the router yet: the state
		// follows at once.
		away: () => {
			away = setTimeout(() => {
				unknownStatuses();
				say(document.querySelector("main .warn.away") ? "" : "away"); // the page may say so already
			}, 300);
		},
		lost: () => lost("lost"),
		closed: () => lost("closed"),
		end: () => {
			ended = true;
			lost("ended");
		},
	};

	const hear = (name, data) => {
		clearTimeout(away);
		if (Object.hasOwn(heard, name)) heard[name](data);
	};

	// lost says that the feed is interrupted; what it told may no longer be so.
	const lost = name => {
		delete document.documentElement.dataset.live;
		if (begun) unknownStatuses();
		say(name);
	};

	// What the first HTML said of a router that was away is no longer so.
	const hideAway = () => {
		lookAgain();
		for (const element of document.querySelectorAll("main > .warn.away")) element.remove();
	};

	// lookAgain asks again for an attempt of which the router did not tell; it does
	// so every few seconds, since a router that hung says nothing when it goes on.
	const lookAgain = () => {
		const page = document.querySelector("#attempt:has(.warn.away)");
		if (page && !document.hidden && !ended) refreshAttempt(page, null);
	};
	setInterval(lookAgain, 5000);

	// fire lets parts of pages ask for themselves again: hx-trigger="live:contacts from:body".
	const fire = name => { if (window.htmx) htmx.trigger(document.body, name); };

	// Only what has a status and can change it; lists are read again now and then.
	const shows = () => [...new Set([...rows()].filter(row => row.dataset.status !== "non-local").map(row => row.dataset.aor))].filter(Boolean);
	const showsOthers = liveFeed({url: live.dataset.feed, owner: live.dataset.owner, shows, hear});
	document.addEventListener("htmx:afterSwap", event => { if (event.detail.target.querySelector("[data-aor]")) showsOthers(); });
})();
