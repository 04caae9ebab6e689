// Cards for the dots of the front. Without this the page is the same to read: the picture, and the tables.
"use strict";
(() => {
  const frame = document.getElementById("front");
  const svg = frame.querySelector("svg");
  const trials = new Map(JSON.parse(document.getElementById("trials").textContent).map((it) => [it.trial, it]));
  const place = (dot) => [dot.cx.baseVal.value, dot.cy.baseVal.value];
  // From cheap to dear: the order of the arrow keys.
  const dots = [...svg.querySelectorAll("circle[data-trial]")].sort((a, b) => place(a)[0] - place(b)[0]);
  if (dots.length === 0) return;

  // Pixels around a dot that count as the dot: as much as a finger needs.
  const REACH = 22;

  const element = (name, text, parent, attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  };
  const trialOf = (dot) => trials.get(Number(dot.dataset.trial));

  const fill = (card, trial) => {
    card.replaceChildren();
    element("h3", `trial ${trial.trial}`, card);
    const facts = element("dl", "", card);
    for (const [name, value] of trial.facts) {
      element("dt", name, facts);
      element("dd", value, facts);
    }
    const widths = element("table", "", card);
    element("caption", "widths: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool", widths);
    for (const [block, numbers] of trial.widths) {
      const row = element("tr", "", widths);
      element("th", block, row, { scope: "row" });
      for (const number of numbers) element("td", number, row);
    }
  };

  const card = element("div", "", frame, { id: "card", class: "card", role: "tooltip", hidden: "" });
  const pins = element("div", "", frame, { id: "pins", "aria-label": "kept trials", role: "group" });
  const kept = new Map();
  let shown = null;

  const show = (dot) => {
    if (dot === shown) return;
    shown?.classList.remove("at");
    shown = dot;
    card.hidden = !dot;
    if (!dot) return;
    dot.classList.add("at");
    fill(card, trialOf(dot));
    const [outer, at] = [frame.getBoundingClientRect(), dot.getBoundingClientRect()];
    const [x, y] = [at.x + at.width / 2 - outer.x, at.y + at.height / 2 - outer.y];
    const beside = x + 16 + card.offsetWidth <= outer.width ? x + 16 : x - 16 - card.offsetWidth;
    // Where there is no room on either side: under the dot.
    const left = beside >= 0 ? beside : Math.max(0, Math.min(x - card.offsetWidth / 2, outer.width - card.offsetWidth));
    card.style.left = `${left}px`;
    card.style.top = `${beside >= 0 ? Math.max(0, y - card.offsetHeight / 2) : y + 16}px`;
  };

  const keep = (dot) => {
    if (kept.has(dot)) return;
    const pin = element("article", "", pins, { class: "card", "aria-label": `trial ${dot.dataset.trial}` });
    fill(pin, trialOf(dot));
    const close = element("button", "×", pin, { type: "button", "aria-label": `put trial ${dot.dataset.trial} away` });
    close.addEventListener("click", () => drop(dot));
    const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    label.textContent = dot.dataset.trial;
    label.setAttribute("class", "kept");
    label.setAttribute("x", place(dot)[0] + 8);
    label.setAttribute("y", place(dot)[1] - 8);
    svg.append(label);
    dot.setAttribute("aria-pressed", "true");
    kept.set(dot, [pin, label]);
  };
  const drop = (dot) => {
    kept.get(dot)?.forEach((it) => it.remove());
    kept.delete(dot);
    dot.setAttribute("aria-pressed", "false");
  };
  const toggle = (dot) => (kept.has(dot) ? drop(dot) : keep(dot));

  // One stop for the tab key; arrows go from dot to dot.
  let stop = dots[0];
  const go = (dot) => {
    stop.tabIndex = -1;
    stop = dot;
    stop.tabIndex = 0;
    stop.focus({ preventScroll: true });
  };
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -dots.length, End: dots.length };
  svg.setAttribute("role", "group");
  for (const dot of dots) {
    // What the title says is said by the card; two notes at one dot are one too many.
    dot.setAttribute("aria-label", dot.querySelector("title").textContent);
    dot.replaceChildren();
    dot.setAttribute("role", "button");
    dot.setAttribute("aria-pressed", "false");
    dot.setAttribute("aria-describedby", "card");
    dot.tabIndex = dot === stop ? 0 : -1;
    dot.addEventListener("focus", () => show(dot));
    dot.addEventListener("blur", () => show(null));
  }
  svg.addEventListener("keydown", (event) => {
    const dot = dots.indexOf(event.target);
    if (dot < 0) return;
    if (event.key in step) go(dots[Math.max(0, Math.min(dots.length - 1, dot + step[event.key]))]);
    else if (event.key === "Enter" || event.key === " ") toggle(dots[dot]);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    // The last one kept, else the one shown.
    const last = [...kept.keys()].pop();
    if (last) drop(last);
    else show(null);
  });

  const nearest = ({ clientX, clientY }) => {
    const screen = svg.getScreenCTM();
    const pointer = new DOMPoint(clientX, clientY).matrixTransform(screen.inverse());
    const far = (dot) => Math.hypot(place(dot)[0] - pointer.x, place(dot)[1] - pointer.y) * screen.a;
    const best = dots.reduce((best, dot) => (far(dot) < far(best) ? dot : best));
    return far(best) < REACH ? best : null;
  };
  svg.addEventListener("pointermove", (event) => show(nearest(event)));
  svg.addEventListener("pointerleave", () => show(null));
  // Clicks come at whole pixels, which may be nearer to another dot than the pointer was.
  let pressed = null;
  svg.addEventListener("pointerdown", (event) => {
    pressed = nearest(event);
    show(pressed);
  });
  svg.addEventListener("click", ({ target }) => {
    // A screen reader clicks without a pointer.
    const dot = pressed ?? dots.find((it) => it === target);
    pressed = null;
    if (dot) toggle(dot);
  });
})();
