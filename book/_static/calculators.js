// The calculators: sliders and fields wake here; Python (Brython and the package's own modules) comes at the first touch.
"use strict";
{
  const script = document.currentScript;
  const { words, pairs } = JSON.parse(script.dataset.words);
  const boot = `
from browser import window
from website.calculators.answer import answer, numbers
words = {}
def learn(*pairs):
    words.update(zip(pairs[::2], pairs[1::2]))
def say(name, *values):
    found = answer(name, values, lambda text: words.get(text, text))
    return [*found[:1], found[1] if isinstance(found[1], str) else "", *(found[1] if isinstance(found[1], list) else [])]
def compute(name, *values):
    return " ".join([repr(value) for value in numbers(name, values)])
window.calculators.learn, window.calculators.say, window.calculators.compute = learn, say, compute
`;
  const python = window.calculators = {};
  const load = (source) => new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = source;
    element.addEventListener("load", done);
    element.addEventListener("error", failed);
    document.head.append(element);
  });
  let ready;
  python.start = () => ready ??= (async () => {
    await load(script.dataset.brython);
    await load(script.dataset.modules);
    window.__BRYTHON__.runPythonSource(boot, "calculators");
    python.learn(...pairs);
  })();

  // Settings: key → number, or the text that a reader typed where it is none. A key may stand in several calculators.
  const settings = new Map();
  const controls = [...document.querySelectorAll(".control")].map((box) => {
    const { argument, key, low, high, spread, decimals, start } = box.dataset;
    const [field, slider] = box.querySelectorAll("input");
    const control = {
      box, argument, key, field, slider, form: box.closest("form"), start: Number(start), low: Number(low), high: Number(high),
      log: spread === "log", decimals: Number(decimals), unit: box.querySelector(".unit").textContent, error: box.querySelector(".error"),
    };
    settings.set(key, control.start);
    field.disabled = slider.disabled = false;
    return control;
  });
  const steps = (control) => Number(control.slider.max);
  const fromSlider = (control) => {
    const { low, high, log, decimals } = control;
    const share = control.slider.value / steps(control);
    const value = log ? low * (high / low) ** share : low + (high - low) * share;
    return Number(Number(log ? value.toPrecision(3) : value).toFixed(decimals));
  };
  const show = (control) => {
    const value = settings.get(control.key);
    if (document.activeElement !== control.field) control.field.value = String(value);
    if (typeof value === "number" && control !== moving) {
      const { low, high, log } = control;
      const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      control.slider.value = Math.round(steps(control) * Math.min(1, Math.max(0, share || 0)));
    }
    control.slider.setAttribute("aria-valuetext", `${value} ${control.unit}`);
  };
  const read = (text) => {
    const plain = text.trim().replace("−", "-");
    const whole = /^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain) ? plain.replaceAll(",", "") : plain;
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(whole) ? Number(whole) : plain;
  };

  const of = (form) => controls.filter((control) => control.form === form);
  const answer = (form) => {
    const own = of(form);
    const found = python.say(form.dataset.name, ...own.map((control) => settings.get(control.key)));
    const sentence = form.querySelector(".answer");
    const refused = !found[1];
    const blamed = refused ? found.slice(2) : [];
    let said = refused ? words.none : found[0];
    if (refused && !blamed.length) said += ` ${found[0]}`;
    if (sentence.textContent !== said) sentence.textContent = said;
    form.classList.toggle("refused", refused);
    if (!refused) form.querySelector(".chart").innerHTML = found[1]; // made by Python from numbers and the page's own texts
    for (const { argument, error, field } of own) {
      const why = blamed.includes(argument) ? found[0] : "";
      if (error.textContent !== why) error.textContent = why;
      if (why) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
    }
    form.dataset.answers = Number(form.dataset.answers ?? 0) + 1;
  };

  const waiting = new Set();
  let moving, frame;
  const ask = async (key) => {
    for (const control of controls) if (control.key === key) { show(control); waiting.add(control.form); }
    const touched = [...waiting];
    if (!python.say) for (const form of touched) form.querySelector(".answer").textContent = words.loading;
    try {
      await python.start();
    } catch {
      for (const form of touched) form.querySelector(".answer").textContent = words.failed;
      ready = undefined;
      return;
    }
    frame ??= requestAnimationFrame(() => {
      frame = undefined;
      for (const form of waiting) answer(form);
      waiting.clear();
    });
  };

  // The link: all settings of one calculator, and what was moved in the others, which they carry over.
  const link = (form) => {
    const url = new URL(location.href);
    const kept = new URLSearchParams();
    for (const control of controls) {
      const value = settings.get(control.key);
      if (control.form === form || value !== control.start) kept.set(control.key, value);
    }
    url.search = kept.toString();
    url.hash = form.id;
    return url;
  };
  const note = (url) => {
    try { history.replaceState(null, "", url); } catch {}
    const other = document.querySelector("a.language");
    if (other) { const there = new URL(other.href); there.search = url.search; there.hash = url.hash; other.href = there; }
  };

  for (const control of controls) {
    const { slider, field, key, form } = control;
    slider.addEventListener("pointerdown", () => { python.start().catch(() => {}); });
    slider.addEventListener("input", () => { moving = control; settings.set(key, fromSlider(control)); ask(key); moving = undefined; });
    field.addEventListener("input", () => { settings.set(key, read(field.value)); ask(key); });
    for (const element of [slider, field]) element.addEventListener("change", () => note(link(form)));
    field.addEventListener("blur", () => show(control));
  }
  for (const form of document.querySelectorAll("form.calculator")) {
    form.addEventListener("submit", (event) => event.preventDefault());
    const [reset, copy] = form.querySelectorAll(".actions button");
    reset.disabled = copy.disabled = false;
    reset.addEventListener("click", () => {
      for (const { key, start } of of(form)) { settings.set(key, start); ask(key); }
      note(link(form));
    });
    copy.addEventListener("click", async () => {
      const url = link(form);
      note(url);
      try { await navigator.clipboard.writeText(url); } catch { return; } // it stands in the address bar too
      copy.textContent = words.copied;
      setTimeout(() => { copy.textContent = words.copy; }, 2000);
    });
  }

  const given = [...new URLSearchParams(location.search)].filter(([key]) => settings.has(key));
  for (const [key, text] of given) { settings.set(key, read(text)); ask(key); }
  if (given.length) note(new URL(location.href));
}
