// What the console does beyond plain pages: copying, dialogs, keys, and where the focus goes when
// a part of a page is replaced. Each page works without it.
"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const dialog = () => find("#dialog");

  // say tells something to those who do not see it, and what failed at once. What is the same again
  // is told again.
  function say(text, failed = false) {
    const said = find("#said");
    said.setAttribute("aria-live", failed ? "assertive" : "polite");
    said.textContent = "";
    setTimeout(() => { said.textContent = text; }, 50);
  }

  async function copy(button) {
    const { copy, copyOf } = button.dataset;
    try {
      await navigator.clipboard.writeText(copy ?? document.getElementById(copyOf).textContent);
    } catch {
      say("Not copied. Select the text to copy it.", true);
      return;
    }
    say("Copied.");
    button.classList.add("copied");
    const use = find("use", button);
    use.setAttribute("href", "#icon-check");
    setTimeout(() => {
      button.classList.remove("copied");
      use.setAttribute("href", "#icon-copy");
    }, 1500);
  }

  function toggle(button) {
    const input = document.getElementById(button.dataset.show);
    const hidden = input.type === "text";
    input.type = hidden ? "password" : "text";
    button.textContent = hidden ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!hidden));
    input.focus();
  }

  // open shows nodes in the dialog. Its heading has the id that names it. Enter alone does nothing
  // that cannot be undone.
  function open(...nodes) {
    dialog().replaceChildren(...nodes);
    dialog().showModal();
    find("[data-close]", dialog())?.focus();
  }

  // confirm shows the form of another page in the dialog, or goes there if it has none.
  async function confirm(link) {
    try {
      const response = await fetch(link.href);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const form = find("#confirm", page);
      if (!response.ok || response.redirected || !form) throw new Error("no form");
      for (const name of ["action", "formaction", "href"]) {
        for (const e of [form, ...form.querySelectorAll(`[${name}]`)]) {
          const to = e.getAttribute(name);
          if (to !== null && !to.startsWith("#")) e.setAttribute(name, new URL(to, response.url).href);
        }
      }
      const heading = document.createElement("h2");
      heading.id = "dialog-title";
      heading.textContent = find("h1", page).textContent;
      open(heading, document.importNode(form, true));
    } catch {
      location.assign(link.href);
    }
  }

  function help() {
    open(document.importNode(find("#keys-help").content, true));
  }

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest?.(selector);
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    let e;
    if ((e = on("[data-copy], [data-copy-of]"))) copy(e);
    else if ((e = on("[data-show]"))) toggle(e);
    else if (on("[data-keys-help]")) help();
    else if ((e = on("dialog [data-close]"))) {
      event.preventDefault();
      dialog().close();
    } else if ((e = on("a[data-dialog]")) && plain) {
      event.preventDefault();
      confirm(e);
    }
  });

  // Keys: single ones, and "g" followed by one. None inside fields and dialogs.
  const places = { o: "", u: "users", g: "groups", w: "webhooks", f: "feed" };
  let going = 0; // when "g" was pressed
  document.addEventListener("keydown", (event) => {
    if (!("keys" in document.body.dataset) || event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || dialog().open) return;
    if (event.target.closest?.("input, select, textarea, [contenteditable]")) return;
    const afterG = going > 0 && event.timeStamp - going < 1500;
    going = 0;
    if (afterG && event.key in places) {
      const to = find(`.rail nav a[data-place="${places[event.key]}"]`);
      if (to) to.click();
    } else if (event.key === "g") {
      going = event.timeStamp;
      return;
    } else if (event.key === "?") {
      help();
    } else if (event.key === "/" && find("[data-search]")) {
      find("[data-search]").focus();
      find("[data-search]").select();
    } else {
      return;
    }
    event.preventDefault();
  });

  // What is not filled in is not part of an address.
  document.addEventListener("htmx:config:request", (event) => {
    const { method, body } = event.detail.ctx.request;
    if (method !== "GET" || !(body instanceof FormData)) return;
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
  });

  // Only a good answer replaces a part of the page; any other is a page of its own.
  document.addEventListener("htmx:before:response", (event) => {
    const { response, request } = event.detail.ctx;
    if (response.raw.ok && !response.raw.redirected) return;
    event.preventDefault();
    if (event.detail.ctx.sourceElement?.hasAttribute("data-quiet")) return;
    location.assign(response.raw.redirected ? response.raw.url : request.action);
  });
  document.addEventListener("htmx:error", () => say("The page could not be loaded.", true));

  // htmx reports a swap to the element that asked for it, which the swap takes away.
  let quiet = false; // nobody asked for the swap
  document.addEventListener("htmx:before:swap", (event) => {
    quiet = event.detail.ctx.sourceElement?.hasAttribute("data-quiet");
    event.detail.ctx.sourceElement = find("#main");
  });

  // After a swap the focus goes to what is new, unless it stays in a field.
  document.addEventListener("htmx:after:swap", () => {
    if (quiet) return;
    const shown = find("#shown");
    if (shown) say(shown.textContent);
    if (document.activeElement && document.activeElement !== document.body) return;
    (find("#errors") ?? find("#results") ?? find("#heading"))?.focus();
  });
})();
