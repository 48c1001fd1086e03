// Times in the reader's own zone, beside UTC; what is open stays open and what has the focus keeps it when a page shows itself anew.
(function () {
  "use strict";

  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  function day(at) { return at.toLocaleDateString("en-CA"); }

  // the page's own clock: a recording is told as of its time
  function now() {
    var told = document.querySelector("#asof time");
    return told ? new Date(told.getAttribute("datetime")) : new Date();
  }

  // "15:20" today, else with the date; seconds only where there are some
  function local(at) {
    var said = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (at.getUTCSeconds()) said.second = "2-digit";
    if (day(at) !== day(now())) { said.month = "short"; said.day = "numeric"; }
    if (at.getFullYear() !== now().getFullYear()) said.year = "numeric";
    return at.toLocaleString([], said);
  }

  function times(root) {
    root.querySelectorAll("time[datetime]:not([data-local])").forEach(function (one) {
      var at = new Date(one.getAttribute("datetime")), shown = one.textContent;
      if (isNaN(at)) return;
      if (at.getTimezoneOffset() === 0) {
        if (shown.slice(0, 10) === now().toISOString().slice(0, 10)) one.textContent = shown.slice(11);
        one.setAttribute("data-local", zone);
        return;
      }
      var utc = document.createElement("span");
      utc.className = "quiet";
      var date = shown.slice(0, 10), today = day(at) === day(now()) && date === now().toISOString().slice(0, 10);
      utc.textContent = " (" + shown.slice(today || day(at) === date ? 11 : 0) + ")";
      one.setAttribute("data-local", zone);
      one.title = zone;
      one.textContent = local(at);
      one.append(utc);
    });
  }

  function show(root) {
    times(root);
    if (window.aiopsPlots) window.aiopsPlots(root);
  }

  // what tells an element apart from the others of its page, also in the next edition of it
  function place(one) {
    if (!one || one === document.body) return "";
    if (one.id) return "#" + CSS.escape(one.id);
    var names = ["href", "name", "value"].filter(function (name) { return one.hasAttribute(name); });
    return names.length ? one.localName + names.map(function (name) { return "[" + name + "=" + CSS.escape(one.getAttribute(name)) + "]"; }).join("") : "";
  }

  var kept = { focus: "", open: [] };
  document.addEventListener("htmx:beforeRequest", function (event) {
    var at = document.activeElement;
    if (at && at.matches("main input, main textarea, main select")) event.preventDefault(); // somebody is writing
  });
  document.addEventListener("htmx:beforeSwap", function () {
    kept.focus = document.activeElement && document.activeElement.closest("main") ? place(document.activeElement) : "";
    kept.open = Array.from(document.querySelectorAll("main details[open][id]"), function (one) { return one.id; });
  });
  document.addEventListener("htmx:afterSettle", function () {
    kept.open.forEach(function (id) { var one = document.getElementById(id); if (one) one.open = true; });
    var one = kept.focus && document.querySelector("main " + kept.focus + ", main" + (kept.focus === "#main" ? "" : "#none"));
    if (one && document.activeElement !== one) one.focus({ preventScroll: true });
    show(document);
  });

  if (location.search.indexOf("said=") >= 0) history.replaceState(null, "", location.pathname);
  show(document);
})();
