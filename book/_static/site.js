// The site's only script. Pages work without it; it adds the theme switch, the menu on phones, "copy", and search.
"use strict";
{
  const script = document.currentScript;
  const words = JSON.parse(script.dataset.words);
  const root = new URL(script.dataset.root, location.href);
  const html = document.documentElement;
  const $ = (selector) => document.querySelector(selector);
  const $$ = (selector) => document.querySelectorAll(selector);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // Theme: what the reader chose, else what the system says.
  $(".theme").addEventListener("click", () => {
    const dark = html.dataset.theme ? html.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    html.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", html.dataset.theme); } catch {}
  });

  // Contents on narrow screens.
  const menu = $(".menu");
  const showContents = (show) => {
    menu.setAttribute("aria-expanded", show);
    document.body.classList.toggle("contents-open", show);
  };
  menu.addEventListener("click", () => showContents(menu.getAttribute("aria-expanded") !== "true"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.getAttribute("aria-expanded") === "true") { showContents(false); menu.focus(); }
  });

  // Copy a cell's code.
  for (const code of $$(".cell_input pre, .highlight-bash pre, .highlight-python pre")) {
    const button = make("button", { type: "button", class: "copy" }, words.copy);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent.trimEnd());
      button.textContent = words.copied;
      setTimeout(() => { button.textContent = words.copy; }, 2000);
    });
    code.parentElement.append(button);
  }

  // What scrolls sideways can be reached by keyboard. Looked at when it comes near: measuring it all at once takes time.
  const reach = (box) => {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", words.scrolls);
    } else if (box.tabIndex === 0) {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  };
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) reach(target);
  }, { rootMargin: "50%" });
  for (const box of $$("pre, .table-scroll, .equation, .text_html")) near.observe(box);
  for (const box of $$(".table-scroll")) reach(box); // few on a page, so at once

  // "On this page" follows the reader.
  const links = new Map([...$$(".sections a")].map((link) => [link.hash.slice(1), link]));
  if (links.size) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(decodeURIComponent(entry.target.id))?.setAttribute("aria-current", "location");
      }
    }, { rootMargin: "-10% 0px -80% 0px" });
    for (const id of links.keys()) {
      const section = document.getElementById(decodeURIComponent(id));
      if (section) seen.observe(section);
    }
  }

  // Search: Pagefind is loaded when the dialogue first opens, and the index in the pieces that a query needs.
  // In the index each Chinese character is a word of its own (tools/website/assemble.py): 注意力 is asked for as the phrase "注 意 力".
  const chinese = "[\\u3400-\\u4dbf\\u4e00-\\u9fff]";
  const apart = (text) => text.replace(new RegExp(`(${chinese})(?=${chinese})`, "g"), "$1 ");
  const together = (text) => text
    .replaceAll(" </mark>", "</mark> ")
    .replace(new RegExp(`(${chinese}(?:</mark>)?) (?=(?:<mark>)?${chinese})`, "g"), "$1")
    .replace(new RegExp(`(${chinese})</mark><mark>(?=${chinese})`, "g"), "$1");
  let dialog;
  const openSearch = () => {
    dialog ??= buildSearch();
    dialog.showModal();
    dialog.querySelector("input").select();
  };
  const buildSearch = () => {
    const input = make("input", { type: "search", id: "words", placeholder: words.placeholder, autocomplete: "off", "aria-label": words.placeholder, "aria-controls": "results" });
    const status = make("p", { role: "status" });
    const results = make("ul", { id: "results", "aria-label": words.some });
    const close = make("button", { type: "button", class: "tool" }, words.close);
    const dialog = make("dialog", { class: "finder", "aria-label": words.search }, make("form", { method: "dialog", role: "search" }, input, close), status, results);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); results.querySelector("a")?.click(); });
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { // else the first one only empties the field
        event.preventDefault();
        dialog.close();
      }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const stops = [input, ...results.querySelectorAll("a")];
      stops[Math.max(0, Math.min(stops.length - 1, stops.indexOf(document.activeElement) + step))].focus();
    });
    let pagefind;
    let query = 0;
    input.addEventListener("input", async () => {
      const mine = ++query;
      try {
        pagefind ??= import(new URL("pagefind/pagefind.js", root)).then(async (loaded) => {
          await loaded.options({ baseUrl: root.pathname, excerptLength: html.lang.startsWith("zh") ? 60 : 30 });
          return loaded;
        });
        await new Promise((done) => setTimeout(done, 120));
        if (mine !== query) return;
        const { search } = await pagefind;
        const typed = input.value.trim().normalize("NFKC"); // ＧＰＴ is GPT
        const asked = apart(typed);
        let { results: hits } = await search(asked);
        if (asked !== typed) { // pages that have the phrase, in the order of all that have its characters
          const place = new Map(hits.map((hit, index) => [hit.id, index]));
          const { results: phrases } = await search(`"${asked}"`);
          if (phrases.length) hits = phrases.sort((a, b) => (place.get(a.id) ?? 1e6) - (place.get(b.id) ?? 1e6));
        }
        const pages = await Promise.all(hits.slice(0, 12).map((result) => result.data()));
        if (mine !== query) return;
        status.textContent = typed && !pages.length ? words.none : "";
        results.replaceChildren(...pages.map((page) => {
          const best = page.sub_results.find((part) => part.title !== page.meta.title) ?? page;
          const excerpt = make("span");
          excerpt.innerHTML = together(best.excerpt); // Pagefind escapes the text; what is left is <mark>
          const title = together(best === page ? page.meta.title : `${page.meta.title} › ${best.title}`);
          return make("li", {}, make("a", { href: best.url }, make("strong", {}, title), excerpt));
        }));
      } catch {
        pagefind = undefined;
        status.textContent = words.unserved;
      }
    });
    document.body.append(dialog);
    results.addEventListener("click", (event) => { if (event.target.closest("a")) dialog.close(); });
    return dialog;
  };
  $("button.search").addEventListener("click", openSearch);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if ((event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      openSearch();
    }
  });
}
