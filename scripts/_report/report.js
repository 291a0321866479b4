// Sorting, filters and live pages of scripts/report.py.
"use strict";
(() => {
  // ---- tables and filters ----------------------------------------------------------------------------------------

  function sortable(table, place) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const made = charts.element("button", {type: "button"}, head.textContent);
      head.replaceChildren(made);
      made.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
        const rows = [...table.tBodies[0].rows];
        const numeric = rows.every((row) => row.cells[column].dataset.sort !== undefined ||
          !row.cells[column].textContent.trim());
        rows.sort((a, b) => {
          if (!numeric) return key(a).localeCompare(key(b));
          const [one, two] = [key(a), key(b)].map((text) => (text === "" || isNaN(text) ? Infinity : Number(text)));
          return one === two ? 0 : one < two ? -1 : 1;
        });
        if (!up) rows.reverse();
        table.tBodies[0].append(...rows);
        charts.state.set(`sort ${place}`, {column, up});
      });
    });
    const {column, up} = charts.state.get(`sort ${place}`) ?? {};
    for (let i = 0; column !== undefined && i < (up ? 1 : 2); ++i) heads[column]?.querySelector("button").click();
  }

  function filters() {
    const part = document.getElementById("filter-part"), verdict = document.getElementById("filter-verdict");
    if (!part) return;
    const apply = () => {
      let shown = 0;
      for (const row of document.querySelectorAll("[data-part]")) {
        row.hidden = Boolean((part.value && row.dataset.part !== part.value) ||
          (verdict.value && row.dataset.verdict !== verdict.value));
        if (!row.hidden && row.classList.contains("experiment")) ++shown;
      }
      const all = document.querySelectorAll("tr.experiment").length;
      document.getElementById("filter-count").textContent = shown === all ? "" : `${shown} of ${all} shown`;
      charts.state.set("filters", [part.value, verdict.value]);
    };
    [part.value, verdict.value] = charts.state.get("filters") ?? [part.value, verdict.value];
    part.addEventListener("change", apply);
    verdict.addEventListener("change", apply);
    apply();
  }

  function start() {
    document.querySelectorAll("table.sortable").forEach(sortable);
    filters();
    charts.draw();
  }

  // ---- live ------------------------------------------------------------------------------------------------------

  // Where the reader is and what is open stays as it was.
  async function follow() {
    const seconds = Number(document.documentElement.dataset.live);
    if (!seconds) return;
    const live = document.querySelector(".live"), following = live.textContent;
    let before = null;
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(location.pathname, {cache: "no-store"});
        if (!answer.ok) return;
        const text = await answer.text();
        live.textContent = following;
        if (text === before) return; // the first answer may already differ from the page
        before = text;
        const next = new DOMParser().parseFromString(text, "text/html").querySelector("main");
        const opened = [...document.querySelectorAll("main details")].map((one) => one.open);
        const places = () => [...document.querySelectorAll("main .wide, main pre")];
        const scrolled = places().map((one) => [one.scrollLeft, one.scrollTop]);
        const controls = () => [...document.querySelectorAll("main a, main button, main select, main summary")];
        const focused = controls().indexOf(document.activeElement);
        document.querySelectorAll("main .chart-canvas").forEach((plot) => Plotly.purge(plot));
        document.querySelector("main").replaceChildren(...document.importNode(next, true).childNodes);
        document.querySelectorAll("main details").forEach((one, i) => { one.open = opened[i] ?? one.open; });
        start();
        places().forEach((one, i) => one.scrollTo(...(scrolled[i] ?? [0, 0])));
        if (focused >= 0) controls()[focused]?.focus({preventScroll: true});
      } catch {
        live.textContent = "the server has ended: this page no longer changes";
      }
    }, 1000 * seconds);
  }

  document.addEventListener("DOMContentLoaded", () => { start(); follow(); });
})();
