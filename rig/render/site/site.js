"use strict";
// The search box: goes through search.js, which is fetched when somebody first wants it. Text is only ever set as text.
(() => {
  const MOST = 8; // hits of a kind that are shown
  const KINDS = ["regression", "kernel", "commit", "night", "run", "workload", "metric"]; // in this order
  const root = document.documentElement.dataset.root;
  const form = document.querySelector(".find");
  const [input, said, list] = [form.querySelector("input"), form.querySelector("output"), form.querySelector("ul")];
  let index;

  // Pages opened from disk may fetch nothing, but load scripts.
  function load() {
    index ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${root}search.js`;
      script.onload = () => done(window.rigSearch.map((entry) => ({ entry, text: entry.slice(0, 3).join(" ").toLowerCase() })));
      script.onerror = () => failed(new Error("search.js is missing"));
      document.head.append(script);
    });
    return index;
  }

  // What has all words in its title comes before what only mentions them.
  function rank([kind, title], words) {
    const named = words.every((word) => title.toLowerCase().includes(word));
    return KINDS.indexOf(kind) + (named ? 0 : KINDS.length);
  }

  function some(hits) {
    const counted = new Map();
    return hits.filter(([kind]) => {
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
      return counted.get(kind) <= MOST;
    });
  }

  function make(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.textContent = text;
    return made;
  }

  function item([kind, title, more, page]) {
    const [line, link] = [document.createElement("li"), document.createElement("a")];
    link.href = root + page;
    link.append(make("span", "status", kind), make("b", "", title), make("small", "", more));
    line.append(link);
    return line;
  }

  async function search() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return show([], "");
    let entries;
    try {
      entries = await load();
    } catch (error) {
      return show([], error.message);
    }
    if (words.join() !== input.value.toLowerCase().split(/\s+/).filter(Boolean).join()) return;
    const hits = entries.filter(({ text }) => words.every((word) => text.includes(word))).map(({ entry }) => entry);
    hits.sort((one, other) => rank(one, words) - rank(other, words)); // keeps the order of equals
    const shown = some(hits);
    show(shown, !hits.length ? "nothing" : shown.length < hits.length ? `${shown.length} of ${hits.length}` : `${hits.length} found`);
  }

  function show(hits, what) {
    list.replaceChildren(...hits.map(item));
    list.hidden = !hits.length;
    said.value = what;
  }

  // Up and down go through the hits, Enter in the box takes the first, Escape gives up.
  function move(by) {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement) + by;
    (links[at] ?? (at < 0 ? input : links.at(-1)))?.focus();
  }

  form.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && !list.hidden) {
      event.preventDefault();
      move(by);
    } else if (event.key === "Escape") {
      show([], "");
      input.focus();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await search();
    list.querySelector("a")?.click();
  });
  input.addEventListener("input", search);
  input.addEventListener("focus", () => load().catch(() => {}));
  document.addEventListener("click", (event) => {
    if (!form.contains(event.target)) show([], "");
  });
  list.addEventListener("click", () => setTimeout(() => show([], "")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  });
  form.hidden = false;

  // A link to what is folded unfolds it.
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    target?.scrollIntoView();
  }
  window.addEventListener("hashchange", follow);
  if (location.hash) follow();
})();
