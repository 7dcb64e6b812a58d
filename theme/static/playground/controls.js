// The parts of which the controls are made: every one is a native element with a visible label.

let counter = 0;

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const button = (text, onclick, attributes = {}) => element("button", { type: "button", onclick, ...attributes }, text);

// A slider with its name and its value. With `log`, its steps are factors.
export function slider({ name, min, max, step, log, value, show = String, change }) {
  const id = `play-${++counter}`;
  const [to, from] = log ? [Math.log10, (x) => Number((10 ** x).toPrecision(2))] : [(x) => x, Number];
  const input = element("input", { type: "range", id, min: to(min), max: to(max), step: log ? 0.02 : step });
  const output = element("span", { class: "play-value", "aria-hidden": "true" }); // the slider says it, too
  const set = (next) => {
    input.value = to(next);
    output.textContent = show(next);
    input.setAttribute("aria-valuetext", show(next));
  };
  input.addEventListener("input", () => {
    const next = Math.min(Math.max(from(Number(input.value)), min), max);
    output.textContent = show(next);
    input.setAttribute("aria-valuetext", show(next));
    change(next);
  });
  set(value);
  const label = element("label", { for: id }, name);
  const node = element("div", { class: "play-slider" }, label, input, output);
  return { node, input, set, label };
}

// One of several, all in sight: radio buttons that look like one bar.
export function choice({ legend, options, value, change }) {
  const name = `play-${++counter}`;
  const inputs = options.map(([key, text, more]) => {
    const input = element("input", { type: "radio", name, value: key, onchange: () => change(key) });
    return [input, element("label", {}, input, more ?? null, element("span", {}, text))];
  });
  const set = (next) => inputs.forEach(([input]) => (input.checked = input.value === String(next)));
  set(value);
  const node = element("fieldset", { class: "play-choice" }, element("legend", {}, legend),
    element("div", {}, ...inputs.map(([, label]) => label)));
  return { node, set };
}

export function select({ name, options, value, change, hidden }) {
  const id = `play-${++counter}`;
  const list = element("select", { id, onchange: () => change(list.value) },
    ...options.map(([key, text]) => element("option", { value: key }, text)));
  list.value = value;
  const label = element("label", { for: id, class: hidden && "play-unseen" }, name);
  return { node: element("div", { class: "play-select" }, label, list), set: (next) => (list.value = next), list };
}

// Copy text; the button says so for two seconds.
export function copyButton(text, words) {
  const node = button(words, async () => {
    await navigator.clipboard.writeText(text());
    node.textContent = "Copied";
    setTimeout(() => (node.textContent = words), 2000);
  }, { class: "play-copy" });
  return node;
}
