// The live feed: puts new changes above the others while "Live" is pressed. Without this script
// the feed is a page to be reloaded.
"use strict";
(() => {
  const mostRows = 500;
  const sayEvery = 10_000; // ms; a screen reader must not be talked over
  const longestPause = 30_000;

  // What is still to be announced, and when something was last.
  let news = () => "", said = 0, saying = 0;

  function say(text) {
    news = text;
    saying ||= setTimeout(() => {
      document.getElementById("said").textContent = news();
      said = Date.now();
      saying = 0;
    }, Math.max(0, said + sayEvery - Date.now()));
  }

  const changes = (n) => n === 1 ? "1 new change" : n + " new changes";

  class Tail {
    constructor(region) {
      this.region = region;
      this.address = new URL(region.dataset.tail, location.href);
      this.toggle = region.querySelector("#live");
      this.state = region.querySelector("#live-state");
      this.button = region.querySelector("#live-new");
      this.list = region.querySelector("table");
      this.body = this.list.tBodies[0];
      this.waiting = []; // rows, newest first
      this.counted = 0; // of them, that were announced
      this.fresh = 0; // rows shown since something was announced
      this.on = null; // an AbortController while it is live
      this.life = new AbortController(); // until another list takes the place of this one
      this.toggle.parentElement.hidden = false;
      this.toggle.addEventListener("click", () => this.on ? this.stop("") : this.start());
      this.button.addEventListener("click", () => {
        this.toggle.focus();
        this.flush();
        this.region.scrollIntoView();
      });
      const {signal} = this.life;
      this.list.addEventListener("pointerenter", (event) => { this.pointed = event.pointerType === "mouse"; });
      this.list.addEventListener("pointerleave", () => {
        this.pointed = false;
        this.look();
      });
      this.list.addEventListener("focusout", () => setTimeout(() => this.look()));
      for (const event of ["selectionchange", "scroll"]) document.addEventListener(event, () => this.look(), {signal});
      document.addEventListener("visibilitychange", () => this.resume?.(), {signal});
    }

    end() {
      this.life.abort();
      this.on?.abort();
    }

    start() {
      this.on = new AbortController();
      this.toggle.setAttribute("aria-pressed", "true");
      this.tell("Following.");
      this.follow(this.on.signal);
    }

    // stop ends it. A text says why, and a link leads on.
    stop(why, link) {
      this.on?.abort();
      this.on = null;
      this.resume?.();
      this.toggle.setAttribute("aria-pressed", "false");
      this.tell(why);
      if (link) {
        const a = document.createElement("a");
        a.href = location.href;
        a.textContent = link;
        this.state.append(" ", a);
      }
      if (why) say(() => "Live has stopped. " + why);
      this.look();
    }

    tell(text) { this.state.textContent = text; }

    // pause waits so many milliseconds, or until the page is visible. stop ends it.
    async pause(ms) {
      await new Promise((resolve) => {
        const timer = ms === Infinity ? 0 : setTimeout(resolve, ms);
        this.resume = () => {
          if (this.on && document.hidden) return;
          clearTimeout(timer);
          resolve();
        };
      });
      this.resume = null;
    }

    async follow(signal) {
      for (let failed = 0; !signal.aborted;) {
        if (document.hidden) {
          await this.pause(Infinity);
          continue;
        }
        const {stop, link, wait, why} = await this.ask(signal);
        if (signal.aborted) return;
        if (stop) return this.stop(stop, link);
        failed = why ? failed + 1 : 0;
        const ms = wait ?? Math.min(longestPause, 1000 * 2 ** (failed - 1));
        if (why) {
          this.tell(`${why} Trying again in ${Math.ceil(ms / 1000)} s.`);
          if (failed === 1) say(() => why);
        } else {
          this.look();
        }
        await this.pause(ms);
      }
    }

    // ask asks for new changes once. A hidden page keeps no request open.
    async ask(signal) {
      const hide = new AbortController();
      const hidden = () => { if (document.hidden) hide.abort(); };
      document.addEventListener("visibilitychange", hidden);
      try {
        const answer = await fetch(this.address, {redirect: "manual", signal: AbortSignal.any([signal, hide.signal])});
        if (answer.ok) return this.take(await answer.text());
        if (answer.type === "opaqueredirect") return {stop: "You are signed out.", link: "Sign in"};
        switch (answer.status) {
          case 403: return {stop: "This key may no longer read the feed."};
          case 410: return {stop: "Changes after these are no longer kept.", link: "Show the newest ones"};
          case 429: return {why: "This key has too many live feeds or requests.", wait: this.retryAfter(answer)};
        }
        if (answer.status < 500) return {stop: "The feed cannot go on from here.", link: "Reload"};
      } catch {
        if (hide.signal.aborted) return {wait: 0};
      } finally {
        document.removeEventListener("visibilitychange", hidden);
      }
      return {why: "The server does not answer."};
    }

    retryAfter(answer) {
      const seconds = Number(answer.headers.get("Retry-After"));
      return seconds > 0 ? Math.min(seconds * 1000, 60_000) : 5000;
    }

    // take keeps the rows of an answer until they may be shown.
    take(text) {
      const table = new DOMParser().parseFromString(text, "text/html").querySelector("table[data-after]");
      if (!table) return {why: "The server answered something else."};
      this.address.searchParams.set("after", table.dataset.after);
      this.waiting = [...table.rows].map((row) => document.adoptNode(row)).concat(this.waiting).slice(0, mostRows);
      return {wait: table.dataset.more === "true" ? 250 : 1000};
    }

    // look shows the rows that wait, unless somebody is reading or pointing at the list.
    look() {
      const reason = this.reason();
      if (this.on) this.tell(reason ? `Paused ${reason}.` : "Following.");
      if (!reason) return this.flush();
      const n = this.waiting.length;
      this.button.hidden = n === 0;
      this.button.textContent = `${n} new`;
      if (n > this.counted) say(() => changes(this.waiting.length) + " to show");
      this.counted = n;
    }

    reason() {
      if (this.list.contains(document.activeElement)) return "while the list has the focus";
      if (this.pointed) return "while you point at the list";
      const selection = getSelection();
      if (!selection.isCollapsed && selection.containsNode(this.list, true)) return "while text is selected";
      if (this.list.getBoundingClientRect().top < 0) return "while you read further down";
      return "";
    }

    // flush shows the rows that wait. The page never has more than mostRows.
    flush() {
      this.button.hidden = true;
      this.counted = 0;
      if (!this.waiting.length) return;
      this.fresh += this.waiting.length;
      this.body.prepend(...this.waiting);
      this.waiting = [];
      this.region.querySelector(".empty")?.remove();
      if (this.body.rows.length > mostRows) {
        while (this.body.rows.length > mostRows) this.body.lastElementChild.remove();
        this.leadOn(this.body.lastElementChild.dataset.at);
      }
      const shown = this.region.querySelector("#shown");
      if (shown) shown.textContent = `${this.body.rows.length} shown`;
      say(() => {
        const n = this.fresh;
        this.fresh = 0;
        return changes(n);
      });
    }

    // leadOn makes "Older" go on from the last row that is left.
    leadOn(position) {
      const query = new URLSearchParams(this.address.search);
      query.delete("after");
      query.set("before", position);
      const older = document.createElement("a");
      older.className = "button";
      older.rel = "next";
      older.href = "?" + query;
      older.textContent = "Older";
      const pager = this.region.querySelector(".pager");
      pager.querySelector("[rel=next]")?.remove();
      pager.append(older);
    }
  }

  let tail = null;

  // begin takes the list that the page has now: htmx may have replaced it.
  function begin() {
    const region = document.querySelector("[data-tail]");
    if (tail?.region === region) return;
    tail?.end();
    tail = region && new Tail(region);
  }

  new MutationObserver(begin).observe(document.getElementById("main"), {childList: true, subtree: true});
  begin();
})();
