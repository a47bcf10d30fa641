// SPDX-License-Identifier: Apache-2.0
"use strict";

// Draws the timeline and the values of a report from the JSON in #data. Everything from the tape is inserted
// as text content, never as markup. The page's tables have the same data and work without this script.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const svg = document.getElementById("timeline");
  const picked = document.getElementById("picked");
  const kGutter = 104, kTop = 26, kRow = 24, kMostRows = 5, kNarrowest = 3;

  function make(name, attributes, text) {
    const node = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function seconds(ns, step) {
    const digits = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(step))));
    return (ns / 1e9).toFixed(digits) + " s";
  }

  function niceStep(ns) {
    const power = 10 ** Math.floor(Math.log10(ns));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= ns);
  }

  // Items of a lane that overlap get separate rows.
  function stack(lane) {
    const ends = [];
    for (const item of lane.items) {
      let row = ends.findIndex((end) => end <= item.from);
      if (row < 0) row = Math.min(ends.length, kMostRows - 1);
      ends[row] = Math.max(ends[row] || 0, item.to, item.from + 1);
      item.row = row;
    }
    lane.rows = Math.max(1, ends.length);
  }

  const lanes = data.lanes.filter((lane) => lane.items.length > 0);
  lanes.forEach(stack);
  const whole = { from: 0, to: Math.max(data.endNs, 1000) };
  let view = { ...whole };
  let chosen = null;

  function show(from, to) {
    const span = Math.min(Math.max(to - from, 1000, whole.to * 1e-10), whole.to);
    const begin = Math.min(Math.max(from, 0), whole.to - span);
    view = { from: begin, to: begin + span };
    draw();
  }

  function zoom(factor, at) {
    const middle = at === undefined ? (view.from + view.to) / 2 : at;
    show(middle - (middle - view.from) * factor, middle + (view.to - middle) * factor);
  }

  function pan(share) {
    const by = (view.to - view.from) * share;
    show(view.from + by, view.to + by);
  }

  function rangeOf(names) {
    const items = lanes.filter((lane) => names.includes(lane.name)).flatMap((lane) => lane.items);
    if (items.length === 0) return whole;
    const from = items.reduce((least, item) => Math.min(least, item.from), Infinity);
    const to = items.reduce((most, item) => Math.max(most, item.to), 0);
    const margin = Math.max((to - from) * 0.05, 1000);
    return { from: from - margin, to: to + margin };
  }

  function pick(item) {
    chosen = item;
    picked.textContent = item.text;
    const margin = Math.max(item.to - item.from, 1000);
    show(item.from - margin, item.to + margin);
  }

  function drawAxis(width, height, x) {
    const step = niceStep((view.to - view.from) / Math.max(2, (width - kGutter) / 130));
    const first = Math.ceil(view.from / step);
    for (let i = 0; i < 100 && (first + i) * step <= view.to; ++i) {
      const tick = (first + i) * step;
      svg.append(make("line", { class: "rule", x1: x(tick), x2: x(tick), y1: kTop - 6, y2: height }));
      svg.append(make("text", { class: "tick", x: x(tick), y: 14, "text-anchor": "middle" }, seconds(tick, step)));
    }
  }

  function drawItem(item, kind, top, width, x) {
    if (item.to < view.from || item.from > view.to) return;
    const left = Math.max(kGutter, x(item.from));
    const right = Math.min(width, Math.max(x(item.to), left + kNarrowest));
    if (right <= kGutter) return;
    const kinds = `bar ${kind}${item.failed ? " failed" : ""}${item === chosen ? " chosen" : ""}`;
    const bar = make("rect", { class: kinds, x: left, y: top, width: right - left, height: kRow - 4, rx: 2 });
    bar.append(make("title", {}, item.text));
    bar.addEventListener("click", () => pick(item));
    svg.append(bar);
    const letters = Math.floor((right - left - 8) / 7);
    if (letters < 3) return;
    const label = item.label.length > letters ? item.label.slice(0, letters - 1) + "…" : item.label;
    svg.append(make("text", { class: "on-bar", x: left + 4, y: top + 14 }, label));
  }

  function draw() {
    const width = Math.max(svg.clientWidth, 400);
    const rows = lanes.reduce((sum, lane) => sum + lane.rows, 0);
    const height = kTop + rows * kRow + lanes.length * 6;
    const x = (ns) => kGutter + ((ns - view.from) / (view.to - view.from)) * (width - kGutter - 30);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    drawAxis(width, height, x);
    let top = kTop;
    for (const lane of lanes) {
      svg.append(make("line", { class: "rule", x1: 0, x2: width, y1: top - 3, y2: top - 3 }));
      svg.append(make("text", { x: 0, y: top + 14 }, lane.name));
      for (const item of lane.items) drawItem(item, lane.kind, top + item.row * kRow, width, x);
      top += lane.rows * kRow + 6;
    }
  }

  function timeAt(event) {
    const box = svg.getBoundingClientRect();
    const share = (event.clientX - box.left - kGutter) / (box.width - kGutter - 30);
    return view.from + share * (view.to - view.from);
  }

  function addControls() {
    const requests = rangeOf(["requests", "freezes"]);
    const steps = rangeOf(["steps"]);
    const actions = {
      whole: () => show(whole.from, whole.to),
      steps: () => show(steps.from, steps.to),
      requests: () => show(requests.from, requests.to),
      closer: () => zoom(0.5),
      wider: () => zoom(2),
      earlier: () => pan(-0.4),
      later: () => pan(0.4),
    };
    for (const [name, action] of Object.entries(actions)) {
      document.getElementById("show-" + name).addEventListener("click", action);
    }
    document.getElementById("controls").hidden = false;
    const keys = { "+": "closer", "=": "closer", "-": "wider", ArrowLeft: "earlier", ArrowRight: "later", Home: "whole" };
    svg.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      actions[keys[event.key]]();
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;  // the page scrolls
      event.preventDefault();
      zoom((event.deltaY || event.deltaX) > 0 ? 1.3 : 1 / 1.3, timeAt(event));
    }, { passive: false });
    let held = null;
    svg.addEventListener("pointerdown", (event) => { held = { x: event.clientX, ...view }; });
    window.addEventListener("pointerup", () => { held = null; });
    window.addEventListener("pointermove", (event) => {
      if (held === null || Math.abs(event.clientX - held.x) < 4) return;
      const by = ((held.x - event.clientX) / (svg.clientWidth - kGutter - 30)) * (held.to - held.from);
      show(held.from + by, held.to + by);
    });
    window.addEventListener("resize", draw);
    show(steps.from, steps.to);
  }

  // Labels have the exact values; doubles only place the dots.
  function chart(series) {
    const kWidth = 340, kHeight = 124, kLeft = 8, kRight = 332, kHigh = 22, kLow = 84;
    const values = series.points.map((point) => BigInt(point.value));
    const least = values.reduce((a, b) => (b < a ? b : a));
    const most = values.reduce((a, b) => (b > a ? b : a));
    const first = series.points[0].at, last = series.points[series.points.length - 1].at;
    const y = (value) => most === least ? (kHigh + kLow) / 2
                                        : kLow - Number(((value - least) * 10000n) / (most - least)) / 10000 * (kLow - kHigh);
    const x = (at) => last === first ? (kLeft + kRight) / 2 : kLeft + ((at - first) / (last - first)) * (kRight - kLeft);
    const drawing = make("svg", { viewBox: `0 0 ${kWidth} ${kHeight}`, role: "img", "aria-label": "values of " + series.name });
    for (const [height, value, below] of [[kHigh, most, -6], [kLow, least, 16]]) {
      if (value === least && height === kHigh) continue;
      drawing.append(make("line", { class: "rule", x1: kLeft, x2: kRight, y1: height, y2: height }));
      drawing.append(make("text", { x: kLeft, y: height + below }, String(value)));
    }
    const step = Math.max(last - first, 1000) / 100;
    drawing.append(make("text", { class: "tick", x: kLeft, y: kHeight - 2 }, seconds(first, step)));
    if (last > first) {
      drawing.append(make("text", { class: "tick", x: kRight, y: kHeight - 2, "text-anchor": "end" }, seconds(last, step)));
    }
    let path = "";
    series.points.forEach((point, i) => {
      path += i === 0 ? `M${x(point.at)} ${y(values[i])}` : `H${x(point.at)}V${y(values[i])}`;
    });
    drawing.append(make("path", { class: "path", d: path }));
    series.points.forEach((point, i) => {
      const dot = make("circle", { class: "dot", cx: x(point.at), cy: y(values[i]), r: 3.5 });
      dot.append(make("title", {}, `${point.value} at ${seconds(point.at, step)}, record ${point.seq}`));
      drawing.append(dot);
    });
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = series.name;
    figure.append(caption, drawing);
    return figure;
  }

  addControls();
  document.getElementById("charts").append(...data.series.filter((one) => one.points.length > 1).map(chart));
})();
