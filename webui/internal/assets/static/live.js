// The feed of /user/events, one for all tabs of a browser: the visible tab that
// holds a Web Lock has the stream, and a BroadcastChannel tells the others what
// it says. Where a browser has neither (or gives neither without TLS), each
// visible tab has a stream of its own. A tab that nobody looks at has none.
"use strict";

// liveFeed begins to listen. url is the feed, owner whose pages these are, shows()
// the addresses on this page whose status may change. hear(name, data) is told the
// server's events, and besides "lost" (the connection is interrupted), "closed" (the
// server takes no more streams) and "end" (the session has ended). It returns a
// function to be called when the page shows other addresses.
window.liveFeed = ({url, owner, shows, hear}) => {
	const silence = 65_000; // ms; the server says something every 20 s
	const most = 200, mostText = 6_000; // addresses asked for, and their length in the URL
	const me = Math.random().toString(36).slice(2);
	const key = "seraph-live " + owner;

	let shares = Boolean(navigator.locks && window.BroadcastChannel);
	let channel = null;
	let release = null; // gives the lock back
	let waiting = null; // for the lock
	let source = null;
	let ended = false;
	let whole = null; // the state, kept up to date for tabs that come later
	let trouble = ""; // "away", "lost", "closed"
	let asked = new Set(); // the addresses of the stream that is open
	let heard = 0; // when the server said something last
	let tries = 0; // that failed in a row
	let again = 0, grace = 0, widen = 0; // timers
	const tabs = new Map(); // what the other tabs show, by their ids

	const post = message => { if (channel) channel.postMessage({from: me, ...message}); };

	// ---- what this tab hears, from the server or from the tab that has the stream ----

	const learn = (name, data) => {
		if (name === "state") whole = data;
		else if (whole && name === "presence") Object.assign(whole.presence, data);
		else if (whole && name === "card") whole.card = data;
		else if (whole && name === "badges") whole.badges = {missed: data.missed, messages: data.messages};
		if (name === "state") trouble = "";
		if (name === "away" || name === "lost" || name === "closed") trouble = name;
	};

	const told = (name, data) => {
		if (ended) return;
		learn(name, data);
		if (name === "end") {
			ended = true;
			leave();
		}
		hear(name, data);
	};

	// tell is told for every tab.
	const tell = (name, data) => {
		post({name, data});
		told(name, data);
	};

	const listen = () => {
		if (!shares || channel) return;
		channel = new BroadcastChannel(key);
		channel.onmessage = ({data: message}) => {
			if (message.to && message.to !== me) return;
			if (message.gone) tabs.delete(message.from);
			else if (message.shows) welcome(message.from, message.shows, message.hello);
			else if (message.who) post({shows: shows()});
			else told(message.name, message.data);
		};
	};

	// welcome notes what another tab shows and tells one that has just come what is
	// known.
	const welcome = (from, addresses, hello) => {
		tabs.set(from, addresses);
		if (!release) return;
		if (hello && trouble) post({to: from, name: trouble});
		else if (hello && whole) post({to: from, name: "state", data: whole});
		ask();
	};

	// ---- the stream, of the tab that has the lock ----

	// wanted are the addresses that the tabs show, this one's first.
	const wanted = () => {
		const all = new Set();
		let length = 0;
		for (const address of [shows(), ...tabs.values()].flat()) {
			if (all.has(address)) continue;
			length += encodeURIComponent(address).length + 6;
			if (all.size >= most || length > mostText) break;
			all.add(address);
		}
		return all;
	};

	// ask has the stream opened anew for addresses of which it does not tell.
	const ask = () => {
		if (!source || !whole) return;
		const news = [...wanted()].some(address => !asked.has(address) && !(address in whole.presence));
		if (!news) return;
		clearTimeout(widen);
		widen = setTimeout(() => { if (source) open(); }, 100);
	};

	const shut = () => {
		clearTimeout(again);
		clearTimeout(widen);
		again = widen = 0;
		if (source) source.close();
		source = null;
	};

	const address = () => url + "?" + new URLSearchParams([["as", owner], ...[...asked].map(one => ["also", one])]);

	const open = () => {
		shut();
		asked = wanted();
		heard = Date.now();
		const stream = source = new EventSource(address());
		for (const name of ["state", "presence", "contacts", "card", "calls", "badges", "away", "end", "alive"]) {
			stream.addEventListener(name, event => {
				if (source !== stream) return;
				heard = Date.now();
				tries = 0;
				patient();
				if (name !== "alive") tell(name, JSON.parse(event.data));
				if (name === "state") ask();
			});
		}
		stream.onerror = () => { if (source === stream) failed(stream.readyState === EventSource.CLOSED); };
	};

	const patient = () => {
		clearTimeout(grace);
		grace = 0;
	};

	// failed comes back ever later, up to half a minute. An interruption that is
	// over soon is not spoken of.
	const failed = async refused => {
		shut();
		const pause = Math.min(30_000, 1000 * 2 ** tries++);
		again = setTimeout(open, pause * (0.75 + Math.random() / 2));
		if (!grace && trouble !== "lost") grace = setTimeout(() => tell("lost"), 3000);
		const status = refused ? await answer() : 0;
		if (!again || ended) return; // something else happened meanwhile
		if (status === 401) tell("end");
		else if (status === 429) tell("closed");
	};

	// answer is the status with which the server refuses the stream, 0 for none: an
	// EventSource does not say.
	const answer = async () => {
		const stop = new AbortController();
		try {
			return (await fetch(address(), {signal: stop.signal, cache: "no-store"})).status;
		} catch {
			return 0;
		} finally {
			stop.abort();
		}
	};

	// ---- who has the stream ----

	const come = () => {
		if (ended || document.hidden) return;
		if (!shares) return open();
		listen();
		post({shows: shows(), hello: true});
		if (waiting || release) return;
		waiting = new AbortController();
		navigator.locks.request(key, {signal: waiting.signal}, () => new Promise(done => {
			waiting = null;
			if (ended || document.hidden) return done();
			release = done;
			post({who: true});
			open();
		})).catch(fault => {
			if (fault.name === "AbortError") return;
			shares = false; // a browser that keeps nothing for this site
			come();
		});
	};

	const leave = () => {
		shut();
		patient();
		if (waiting) waiting.abort();
		if (release) release();
		waiting = release = null;
	};

	const retry = () => {
		if (!source && !again) return;
		tries = 0;
		open();
	};

	document.addEventListener("visibilitychange", () => document.hidden ? leave() : come());
	window.addEventListener("online", retry);
	window.addEventListener("offline", () => {
		if (!source && !again) return;
		failed(false);
		patient();
		tell("lost");
	});
	window.addEventListener("pagehide", () => {
		leave();
		post({gone: true});
		if (channel) channel.close();
		channel = null;
	});
	window.addEventListener("pageshow", event => { if (event.persisted) come(); });
	// Where the network went away without a word, and when the machine slept.
	setInterval(() => { if (source && Date.now() - heard > silence) retry(); }, 5000);
	come();
	return () => {
		post({shows: shows()});
		ask();
	};
};
