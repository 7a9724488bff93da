// The group report: unpacks the scans, then fills the desk, the plots and the table.
class Tip {
  constructor() {
    this.box = node("div", { id: "tip", hidden: true });
    this.box.setAttribute("role", "status");
    document.body.append(this.box);
  }

  show(name, lines, link, x, y) {
    this.box.replaceChildren(node("b", { textContent: name }), ...lines.map(line => node("span", { textContent: line })));
    if (link) this.box.append(node("small", { textContent: "click: report of the participant" }));
    this.box.hidden = false;
    const { width, height } = this.box.getBoundingClientRect();
    this.box.style.left = `${Math.min(x + 14, innerWidth - width - 8)}px`;
    this.box.style.top = `${y + height + 20 > innerHeight ? y - height - 10 : y + 12}px`;
  }

  hide() { this.box.hidden = true; }
}

// The desk above the plots: colours, filters, what is shown and selected.
class Desk {
  constructor(box, state) {
    this.state = state;
    [this.colour, this.column, this.form, this.chips, this.counts, this.legend] =
      ["colour", "column", "condition", "chips", "counts", "legend"].map(name => box.querySelector(`.${name}`));
    fillColumns(this.colour, state.cohort, "", { first: "one colour" });
    fillColumns(this.column, state.cohort, "", { first: "a column…" });
    this.colour.addEventListener("change", () => this.paint());
    this.column.addEventListener("change", () => this.ask());
    box.querySelector(".clear").addEventListener("click", () => state.select([], false));
    const search = box.querySelector(".search");
    search.addEventListener("input", () => { state.search = search.value; state.filter(); });
    state.listeners.push(() => this.report());
    this.report();
  }

  paint() {
    const { state } = this;
    state.colourBy(state.cohort.named.get(this.colour.value) || null);
    this.legend.replaceChildren(...state.legend.map(([colour, text]) => {
      const square = node("i");
      square.style.background = colour;
      return node("span", {}, square, text);
    }));
    state.changed();
  }

  // The condition of the chosen column: limits of a number, or levels of a text.
  ask() {
    const column = this.state.cohort.named.get(this.column.value);
    this.form.replaceChildren();
    this.form.hidden = !column;
    if (!column) return;
    const ends = column.kind === "number" ? this.askLimits() : this.askLevels(column);
    const button = node("button", { textContent: "Filter" });
    button.addEventListener("click", () => {
      const made = ends();
      if (!made) return;
      this.state.filters.push({ column, ...made });
      this.column.value = "";
      this.ask();
      this.state.filter();
    });
    this.form.append(button);
  }

  askLimits() {
    const [low, high] = ["from", "to"].map(text => {
      const input = node("input", { type: "number", step: "any" });
      this.form.append(node("label", {}, `${text} `, input));
      return input;
    });
    return () => {
      const [from, to] = [low, high].map(input => input.value === "" ? null : Number(input.value));
      if (from === null && to === null) return null;
      const text = `${from === null ? "" : `from ${from} `}${to === null ? "" : `to ${to}`}`;
      return { text, admits: value => (from === null || value >= from) && (to === null || value <= to) };
    };
  }

  askLevels(column) {
    const select = node("select", { multiple: true, size: Math.min(6, column.levels.length + 1) });
    select.setAttribute("aria-label", `levels of ${column.title}`);
    column.levels.forEach((level, i) => select.append(new Option(levelText(column, level), i)));
    select.append(new Option("not known", NaN));
    this.form.append(select);
    return () => {
      const chosen = [...select.selectedOptions];
      const wanted = new Set(chosen.map(option => Number(option.value)));
      return chosen.length ? { text: chosen.map(option => option.text).join(", "), admits: value => wanted.has(value) } : null;
    };
  }

  report() {
    const { counts: { shown, selected }, cohort: { size }, filters } = this.state;
    const number = value => value.toLocaleString("en");
    this.counts.textContent = `${number(shown)} of ${number(size)} scans shown, ${number(selected)} selected`;
    this.chips.replaceChildren(...filters.map(filter => {
      const button = node("button", { textContent: `${filter.column.title}: ${filter.text} ×`, title: "Remove this filter" });
      button.addEventListener("click", () => {
        filters.splice(filters.indexOf(filter), 1);
        this.state.filter();
      });
      return button;
    }));
  }
}

async function start() {
  const root = document.documentElement;
  try {
    const [buffer] = await Promise.all([inflate("cohort-scans"), loadPlots()]);
    const cohort = unpack(buffer);
    const state = new State(cohort);
    const tip = new Tip();
    root.classList.add("scripted");
    const desk = new Desk(document.getElementById("desk"), state);
    const plots = [...document.querySelectorAll("[data-plot]")].map(figure => new Plot(figure, state, tip));
    document.addEventListener("mousedown", event => plots.forEach(plot => { plot.adding = event.shiftKey; }), true);
    for (const figure of document.querySelectorAll("[data-heat]")) new Heat(figure, state, tip);
    const box = document.getElementById("scan-table");
    const table = new ScanTable(box, state, JSON.parse(box.dataset.columns));
    addEventListener("beforeprint", () => plots.forEach(plot => plot.drawNow()));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach(plot => plot.rebuild()));
    globalThis.report = { state, desk, plots, table };
    root.dataset.ready = Math.round(performance.now()); // milliseconds since the page was asked for
  } catch (error) {
    const note = document.getElementById("failed");
    note.hidden = false;
    note.textContent = `The plots cannot be drawn: ${error.message}. The tables below are complete.`;
  }
}

start();
