// The charts of scripts/report.py. Texts from files go into the page as textContent, and into Plotly, which reads a few
// tags, escaped.
"use strict";
const charts = (() => {
  const LIGHT = ["#0072B2", "#D55E00", "#009E73", "#B0518A", "#3A9BD0", "#B57A00", "#000000"];
  const DARK = ["#5CB8F0", "#FF8F4A", "#3FD0A4", "#F0A3D0", "#A5DBFF", "#F5C04A", "#FFFFFF"];
  const DASHES = ["solid", "dash", "dot", "dashdot", "4px,2px", "longdashdot", "longdash"];
  const PATTERNS = {solid: "", dash: "7 3", dot: "2 2", dashdot: "7 2 2 2", "4px,2px": "4 2",
    longdashdot: "11 2 2 2", longdash: "11 3"};
  const SHAPES = {circle: "M-4.5,0a4.5,4.5 0 1 0 9,0a4.5,4.5 0 1 0 -9,0", square: "M-4,-4H4V4H-4Z",
    "triangle-up": "M0,-5L5,4H-5Z", diamond: "M0,-6L6,0L0,6L-6,0Z", "triangle-down": "M0,5L5,-4H-5Z",
    cross: "M-1.7,-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z",
    star: "M0,-6L1.5,-2L5.7,-1.9L2.4,.8L3.5,4.9L0,2.5L-3.5,4.9L-2.4,.8L-5.7,-1.9L-1.5,-2Z"};
  const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "star"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const state = new Map(); // what the reader chose, by chart or place; kept when a live page changes
  let printing = false;

  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
    .replace(/[\r\n]+/g, " ");
  const folded = (text, width) => {
    const lines = [""];
    for (const word of String(text).split(/\s+/)) {
      if (lines.at(-1) && (lines.at(-1) + word).length > width) lines.push("");
      lines.push((lines.pop() + " " + word).trim());
    }
    return lines.map(escaped).join("<br>");
  };
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElementNS(
      ["svg", "line", "path"].includes(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const isDark = () => dark.matches && !printing;
  const colours = () => (isDark() ? DARK : LIGHT);
  const look = (group) => {
    const other = group + Math.floor(group / LIGHT.length);
    return {colour: colours()[group % LIGHT.length], dash: DASHES[other % DASHES.length],
      symbol: SYMBOLS[other % SYMBOLS.length]};
  };
  const transparent = (colour, share) => colour + Math.round(255 * share).toString(16).padStart(2, "0");

  // ---- a chart -------------------------------------------------------------------------------------------------

  const every = (count) => Math.max(1, Math.floor(count / 10));

  function bands(chart, trace) {
    if (chart.kind === "axis" || !trace.low) return [];
    const xs = [], low = [], high = [];
    trace.x.forEach((x, i) => {
      if (trace.low[i] === null || trace.high[i] === null) return;
      xs.push(x); low.push(trace.low[i]); high.push(trace.high[i]);
    });
    return [{x: [...xs, ...xs.slice().reverse()], y: [...high, ...low.reverse()], fill: "toself", mode: "lines",
      line: {width: 0}, fillcolor: transparent(look(trace.group).colour, .18), hoverinfo: "skip"}];
  }

  function errors(trace) {
    if (!trace.low) return {};
    const beside = (ends, sign) => trace.y.map((y, i) => (ends[i] === null || y === null ? 0 : sign * (ends[i] - y)));
    return {error_y: {type: "data", symmetric: false, array: beside(trace.high, 1), arrayminus: beside(trace.low, -1),
      thickness: 1.4, width: 4}};
  }

  function hover(chart, trace) {
    const who = escaped(chart.groups[trace.group] ?? "");
    return trace.x.map((x, i) => {
      const seed = trace.seeds ? trace.seeds[i] : trace.seed;
      const of = seed === "mean" ? "mean" : seed ? `seed ${escaped(seed)}` : "";
      const ends = trace.low && trace.low[i] !== null && trace.low[i] !== undefined
        ? `<br>95 % interval ${number(trace.low[i])} to ${number(trace.high[i])}` : "";
      const bound = trace.role === "bound" || (trace.at_least && trace.at_least[i]) ? "at least " : "";
      return `${who}${of ? ", " + of : ""}<br>${escaped(chart.x.title || "at")} ${typeof x === "number" ? number(x) :
        escaped(x)}: ${bound}<b>${number(trace.y[i])}</b>${trace.role === "diverged" ? " (diverged)" : ""}${ends}`;
    });
  }

  const number = (value) => (value === null || value === undefined ? "no value" : String(Number(value.toPrecision(5))));

  function drawn(chart, trace) {
    const {colour, dash, symbol} = look(trace.group);
    const x = chart.x.categories ? trace.x.map(escaped) : trace.x;
    const base = {x, y: trace.y, text: hover(chart, trace), hovertemplate: "%{text}<extra></extra>",
      line: {color: colour, dash, width: 2.4}, marker: {color: colour, symbol, size: 8}};
    switch (trace.role) {
      case "seed":
        return [{...base, mode: "lines", opacity: .45, line: {color: colour, dash, width: 1}}, ...ends(chart, trace)];
      case "line":
      case "mean":
        return [...bands(chart, trace), {...base, ...(chart.kind === "axis" ? errors(trace) : {}),
          mode: "lines+markers", marker: {...base.marker,
            ...(chart.kind === "axis" ? {} : {maxdisplayed: Math.ceil(trace.x.length / every(trace.x.length))})}},
        ...ends(chart, trace)];
      case "level":
        return [{...base, x: whole(chart), y: whole(chart).map(() => trace.y[0]), text: whole(chart).map(
          () => hover(chart, {...trace, x: ["every value"]})[0]), mode: "lines"}];
      case "diverged":
        return [{...base, mode: "markers", marker: {color: colour, symbol: "x-thin-open", size: 10, line: {width: 2}}}];
      case "bound":
        return [{...base, mode: "markers", marker: {color: colour, symbol: "arrow-bar-up-open", size: 10}}];
      default:
        return [{...base, mode: "markers", opacity: .75, marker: {color: colour, symbol: `${symbol}-open`, size: 6}}];
    }
  }

  // The cross where a run that diverged ends.
  function ends(chart, trace) {
    if (!trace.diverged || !trace.x.length) return [];
    const last = trace.x.length - 1;
    const one = {...trace, x: [trace.x[last]], y: [trace.y[last]], role: "diverged", diverged: false};
    return drawn(chart, one);
  }

  const whole = (chart) => {
    if (chart.x.categories) return [chart.x.categories[0], chart.x.categories.at(-1)].map(escaped);
    const values = chart.traces.filter((trace) => trace.role !== "level").flatMap((trace) => trace.x)
      .filter((x) => typeof x === "number");
    return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  };

  // Runs that diverged do not set the scale, as long as others did not.
  function range(chart, log) {
    const calm = chart.traces.filter((trace) => trace.role !== "diverged" && !trace.diverged);
    let values = calm.flatMap((trace) => [...trace.y, ...(trace.low ?? []), ...(trace.high ?? [])])
      .filter((y) => typeof y === "number" && (!log || y > 0));
    if (chart.y.range) values = chart.y.range;
    if (!values.length) return undefined;
    let low = values[0], high = values[0];
    for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
    if (log) { low = Math.log10(low); high = Math.log10(high); }
    const pad = .06 * (high - low) || Math.abs(low) / 20 || .5;
    return [low - pad, high + pad];
  }

  function map(chart) {
    const text = chart.z.map((row, i) => row.map((value, j) => `${escaped(chart.x.title)} ${escaped(
      chart.x.categories[j])}<br>${escaped(chart.y.title)} ${escaped(chart.y.categories[i])}<br><b>${number(value)}</b>${
      chart.diverged[i][j] ? `<br>${chart.diverged[i][j]} diverged` : ""}`));
    const xs = [], ys = [], labels = [];
    chart.z.forEach((row, i) => row.forEach((value, j) => {
      xs.push(escaped(chart.x.categories[j])); ys.push(escaped(chart.y.categories[i]));
      labels.push((value === null ? "" : String(Number(value.toPrecision(3)))) +
        (chart.diverged[i][j] ? ` ×${chart.diverged[i][j]}` : ""));
    }));
    const [low, high] = chart.range ?? [0, 1];
    const flat = chart.z.flat();
    return [{type: "heatmap", x: chart.x.categories.map(escaped), y: chart.y.categories.map(escaped), z: chart.z, text,
      hovertemplate: "%{text}<extra></extra>", colorscale: "Cividis", xgap: 2, ygap: 2, zmin: low,
      zmax: high > low ? high : low + 1, colorbar: {thickness: 12, title: {text: folded(chart.value, 22), side: "right"}}},
    {type: "scatter", mode: "text", x: xs, y: ys, text: labels, hoverinfo: "skip", textfont: {size: 11, color: flat.map(
      (value) => (value !== null && (value - low) / (high - low || 1) < .5 ? "#ffffff" :
        value === null && isDark() ? "#ffffff" : "#000000"))}}];
  }

  function axisOf(spec, log, width) {
    const axis = {title: {text: folded(spec.title, width), standoff: 8}, automargin: true, type: log ? "log" : "-",
      zeroline: false, gridcolor: isDark() ? "#3a3d42" : "#dddddd", linecolor: isDark() ? "#777" : "#999"};
    if (spec.categories) {
      Object.assign(axis, {type: "category", categoryorder: "array", categoryarray: spec.categories.map(escaped)});
    } else if (log) {
      axis.dtick = undefined;
      axis.exponentformat = "power";
    }
    return axis;
  }

  function layout(chart, own, plot) {
    const ink = isDark() ? "#ececec" : "#1a1a1a";
    const narrow = plot.clientWidth < 520;
    const made = {font: {color: ink, size: narrow ? 11 : 12.5}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: {l: narrow ? 44 : 60, r: 12, t: 28, b: 44}, showlegend: false,
      modebar: {bgcolor: "rgba(0,0,0,0)", color: isDark() ? "#9a9a9a" : "#8a8a8a", activecolor: ink}, hovermode: "closest",
      hoverlabel: {bgcolor: isDark() ? "#2b2e33" : "#ffffff", font: {color: ink}, align: "left"},
      xaxis: axisOf(chart.x, own.logX, Math.max(20, plot.clientWidth / 8)),
      yaxis: axisOf(chart.y, own.logY, 42)};
    if (chart.kind !== "map") made.yaxis.range = range(chart, own.logY);
    if (own.logX && chart.x.from_one) {
      const largest = Math.max(1, ...chart.traces.flatMap((trace) => trace.x).filter((x) => x > 0));
      made.xaxis.range = [0, Math.log10(largest) + .02];
    }
    if (own.logX && chart.kind === "axis" && !chart.x.categories) { // the values of the axis, where they are few
      const values = [...new Set(chart.traces.flatMap((trace) => trace.x))].filter((x) => x > 0);
      if (values.length <= (narrow ? 5 : 9)) Object.assign(made.xaxis, {tickvals: values, ticktext: values.map(String)});
    }
    if (own.view) [made.xaxis.range, made.yaxis.range] = own.view.map((range) => range.slice());
    return made;
  }

  function traces(chart, own) {
    if (chart.kind === "map") return map(chart);
    return chart.traces.flatMap((trace) => drawn(chart, trace).map((one) => ({type: "scatter", ...one,
      connectgaps: false, visible: !own.hidden.has(trace.group)})));
  }

  const config = {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"]};

  function show(figure) {
    const {chart, own, plot} = figure;
    const done = Plotly.react(plot, traces(chart, own), layout(chart, own, plot), config);
    if (!figure.isFollowed) {
      figure.isFollowed = true;
      plot.on("plotly_relayout", (change) => {
        if (!Object.keys(change).some((key) => key.includes("range"))) return;
        own.view = change["xaxis.autorange"] || change["yaxis.autorange"] ? null :
          ["xaxis", "yaxis"].map((name) => plot._fullLayout[name].range.slice());
      });
    }
    return done;
  }

  function button(text, pressed, action) {
    const made = element("button", {type: "button"}, text);
    if (pressed !== null) made.setAttribute("aria-pressed", pressed);
    made.addEventListener("click", () => action(made));
    return made;
  }

  function zoom(figure, factor) {
    const change = {};
    for (const name of ["xaxis", "yaxis"]) {
      const [low, high] = figure.plot._fullLayout[name].range;
      const middle = (low + high) / 2, half = factor * (high - low) / 2;
      change[`${name}.range`] = [middle - half, middle + half];
    }
    Plotly.relayout(figure.plot, change);
  }

  function controls(figure, box) {
    const {chart, own} = figure;
    const toggle = (key, text) => button(text, own[key], (pressed) => {
      own[key] = !own[key];
      own.view = null;
      pressed.setAttribute("aria-pressed", own[key]);
      show(figure);
    });
    const values = (name) => chart.traces.flatMap((trace) => trace[name]).filter((one) => typeof one === "number");
    if (chart.kind !== "map") {
      if (!chart.x.categories && values("x").some((x) => x > 0)) box.append(toggle("logX", "log x"));
      if (values("y").some((y) => y > 0)) box.append(toggle("logY", "log y"));
    }
    box.append(button("zoom in", null, () => zoom(figure, .7)), button("zoom out", null, () => zoom(figure, 1 / .7)),
      button("whole view", null, () => { own.view = null; show(figure); }));
  }

  function swatch(group) {
    const {colour, dash, symbol} = look(group);
    const picture = element("svg", {width: 40, height: 14, viewBox: "-20 -7 40 14", "aria-hidden": "true"});
    picture.append(element("line", {x1: -19, x2: 19, y1: 0, y2: 0, stroke: colour, "stroke-width": 2.4,
      "stroke-dasharray": PATTERNS[dash]}), element("path", {d: SHAPES[symbol], fill: colour}));
    return picture;
  }

  function legend(figure, box) {
    const {chart, own} = figure;
    box.replaceChildren(...chart.groups.map((text, group) => {
      const made = button("", !own.hidden.has(group), (pressed) => {
        own.hidden.has(group) ? own.hidden.delete(group) : own.hidden.add(group);
        pressed.setAttribute("aria-pressed", !own.hidden.has(group));
        show(figure);
      });
      made.append(swatch(group), element("span", {}, text));
      return made;
    }));
  }

  function explain(figure, box) {
    const {chart} = figure;
    const roles = new Set(chart.traces.map((trace) => trace.role));
    const said = [];
    if (roles.has("mean") && roles.has("seed")) said.push("Thin lines: each seed. Bold: their mean with its 95 % interval.");
    if (roles.has("mean") && roles.has("run")) said.push("Small marks: each seed. Bold: their mean with its 95 % interval.");
    if (roles.has("diverged") || chart.traces.some((trace) => trace.diverged)) said.push("A cross marks a run that diverged.");
    if (roles.has("bound")) said.push("An arrow marks a level that was not reached: the value is at least this.");
    const lost = chart.traces.reduce((sum, trace) => sum + (trace.lost ?? 0), 0);
    if (lost) said.push(`${lost} ${lost === 1 ? "run" : "runs"} diverged and ${lost === 1 ? "has" : "have"} no value.`);
    if (chart.kind === "map") said.push("A number is the mean of the seeds; × n: n runs diverged.");
    if (said.length) box.after(element("p", {class: "said"}, said.join(" ")));
  }

  const figures = [];

  function draw() {
    figures.length = 0;
    for (const holder of document.querySelectorAll("figure.chart")) {
      const chart = JSON.parse(holder.querySelector(".chart-data").textContent);
      if (!state.has(chart.id)) {
        state.set(chart.id, {hidden: new Set(), logX: Boolean(chart.x.log), logY: Boolean(chart.y.log)});
      }
      const figure = {chart, own: state.get(chart.id), plot: holder.querySelector(".chart-canvas"),
        box: holder.querySelector(".legend")};
      figures.push(figure);
      controls(figure, holder.querySelector(".controls"));
      if (chart.groups.length) legend(figure, figure.box);
      explain(figure, figure.box);
    }
    // The charts in sight first: a page with many opens at once.
    if (!figures.length) return;
    const observer = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (!entry.isIntersecting) return;
      observer.unobserve(entry.target);
      const figure = figures.find((one) => one.plot === entry.target);
      if (figure) { figure.shown = true; show(figure); }
    }), {rootMargin: "600px"});
    figures.forEach((figure) => observer.observe(figure.plot));
  }

  function redraw() {
    for (const figure of figures) {
      if (figure.chart.groups.length) legend(figure, figure.box);
      if (figure.shown || printing) { figure.shown = true; show(figure); }
    }
  }

  dark.addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => { printing = true; redraw(); });
  window.addEventListener("afterprint", () => { printing = false; redraw(); });
  return {draw, element, state};
})();
