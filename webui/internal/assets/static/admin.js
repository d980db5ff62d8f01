// What the administrators' pages do by themselves: a part that asks for itself
// again says when it could not. It holds no texts: they stand in the page.
"use strict";
(() => {
	const stale = failed => event => {
		const part = event.detail.elt.closest("[data-stale]");
		const notice = part && document.getElementById(part.dataset.stale);
		if (notice) notice.hidden = !failed;
	};
	document.body.addEventListener("htmx:responseError", stale(true));
	document.body.addEventListener("htmx:sendError", stale(true));
	document.body.addEventListener("htmx:timeout", stale(true));
	document.body.addEventListener("htmx:beforeSwap", event => { if (event.detail.shouldSwap) stale(false)(event); });
})();
