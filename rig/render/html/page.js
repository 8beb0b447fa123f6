"use strict";
// Consoles: unpacked when first needed, put up as lines when opened, searched together. Text is only ever set as text.
(() => {
  const embedded = JSON.parse(document.getElementById("embedded").textContent);
  const CHUNK = 200; // lines that are laid out together, when they come into view
  const MOST = 10000; // hits that are counted
  const consoles = new Map(Object.entries(embedded).map(([key, data]) => [key, { ...data, key, element: document.getElementById(key) }]));

  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return (await new Response(stream).text()).split("\n");
  }

  // The lines of a console, each with its number.
  function read(console) {
    console.read ??= unpack(console.text).then((texts) => {
      console.text = "";
      let at = 0;
      return console.kept.flatMap(([first, count]) => texts.slice(at, (at += count)).map((text, n) => ({ number: first + n, text })));
    });
    return console.read;
  }

  function put(console) {
    console.shown ??= read(console).then((lines) => {
      const log = console.element.querySelector(".log");
      log.style.setProperty("--digits", String(console.lines).length);
      console.rows = new Map();
      let chunk;
      lines.forEach((line, at) => {
        const skipped = line.number - (at ? lines[at - 1].number : 0) - 1;
        if (skipped) log.append(make("div", "gap", `${skipped} lines left out; see ${console.name}`));
        if (skipped || at % CHUNK === 0) log.append((chunk = make("div", "chunk")));
        const row = make("div", "", line.text);
        row.dataset.n = line.number;
        console.rows.set(line.number, row);
        chunk.append(row);
      });
      for (const chunk of log.children) chunk.style.setProperty("--lines", chunk.children.length || 1);
      for (const mark of console.marks) console.rows.get(mark.line)?.classList.add(mark.kind);
      paint(console);
    });
    return console.shown;
  }

  // ---- links to a line: #t3:812

  let now;

  // The last line there is before one that was left out.
  function before(console, number) {
    let found;
    for (const [each, row] of console.rows) if (each < number) found = row;
    return found;
  }

  async function go(key, number) {
    const console = consoles.get(key);
    if (!console) return;
    console.element.open = true;
    await put(console);
    const row = console.rows.get(number) ?? before(console, number);
    now?.classList.remove("now");
    now = row;
    row?.classList.add("now");
    (row ?? console.element).scrollIntoView({ block: row ? "center" : "start", inline: "nearest" });
    return row;
  }

  function follow() {
    const hash = location.hash.slice(1);
    const line = /^(t\d+):(\d+)$/.exec(hash);
    if (line) return go(line[1], Number(line[2]));
    const target = document.getElementById(hash);
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    target?.scrollIntoView();
  }

  // ---- search

  const form = document.getElementById("search");
  const [input, count] = [form.querySelector("input"), form.querySelector("output")];
  let hits = [];
  let current = -1;
  let asked = 0;
  let wanted = "";

  async function search() {
    const mine = ++asked;
    wanted = input.value.toLowerCase();
    const found = [];
    for (const console of consoles.values()) {
      const before = found.length;
      if (wanted)
        for (const line of await read(console)) {
          if (mine !== asked) return;
          if (found.length < MOST && line.text.toLowerCase().includes(wanted)) found.push({ console, number: line.number });
        }
      console.hits = found.length - before;
    }
    if (mine !== asked) return;
    [hits, current] = [found, -1];
    for (const console of consoles.values()) {
      console.element.querySelector("summary output").textContent = console.hits ? `${console.hits} found` : "";
      paint(console);
    }
    tell();
  }

  function paint(console) {
    if (!console.rows) return;
    for (const row of console.element.querySelectorAll(".hit")) row.classList.remove("hit");
    for (const hit of hits) if (hit.console === console) console.rows.get(hit.number)?.classList.add("hit");
  }

  function tell() {
    const all = hits.length < MOST ? hits.length : `${MOST} or more`;
    count.value = !wanted ? "" : !hits.length ? "none" : current < 0 ? `${all} lines` : `${current + 1} of ${all}`;
  }

  async function step(by) {
    clearTimeout(waiting);
    if (wanted !== input.value.toLowerCase()) await search();
    if (!hits.length) return;
    current = current < 0 ? (by > 0 ? 0 : hits.length - 1) : (current + by + hits.length) % hits.length;
    tell();
    const row = await go(hits[current].console.key, hits[current].number);
    if (row) point(row);
  }

  // Brings what was searched for into view, if the line is wider than its window.
  function point(row) {
    const at = row.textContent.toLowerCase().indexOf(wanted);
    if (at < 0 || !row.firstChild) return;
    const range = document.createRange();
    range.setStart(row.firstChild, at);
    range.setEnd(row.firstChild, Math.min(at + wanted.length, row.firstChild.length));
    if (window.Highlight) CSS.highlights.set("found", new Highlight(range));
    const log = row.closest(".log");
    const [box, found] = [log.getBoundingClientRect(), range.getBoundingClientRect()];
    if (found.right > box.right || found.left < box.left) log.scrollLeft += found.left - box.left - box.width / 3;
  }

  let waiting;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 150);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      step(-1);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    step(1);
  });
  form.querySelector("[data-step]").addEventListener("click", () => step(-1));
  form.hidden = !consoles.size;

  // ---- the rest

  for (const console of consoles.values()) console.element.addEventListener("toggle", () => console.element.open && put(console));
  window.addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) follow(); // no change, so no event
  });
  window.addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll(".finding, .stack")) each.open = true;
  });
  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(copy.previousElementSibling.textContent);
    copy.textContent = "Copied";
  });
  if (matchMedia("(max-width: 48rem)").matches)
    for (const each of document.querySelectorAll(".finding ~ .finding, .stack ~ .stack")) each.open = false;
  if (location.hash) follow();
})();
