// The table of scans, page by page: sorted by any column, the selected scans first.
const PAGE = 50;

class ScanTable {
  constructor(box, state, names) {
    this.state = state;
    this.columns = names.map(name => state.cohort.named.get(name)).filter(Boolean);
    this.order = { column: null, down: false };
    this.page = 0;
    this.table = box.querySelector("table");
    this.note = box.querySelector(".count");
    [this.first, this.previous, this.following, this.last] = ["first", "previous", "next", "last"]
      .map(name => box.querySelector(`.${name}`));
    const turn = page => { this.page = page; this.draw(); };
    this.first.addEventListener("click", () => turn(0));
    this.previous.addEventListener("click", () => turn(this.page - 1));
    this.following.addEventListener("click", () => turn(this.page + 1));
    this.last.addEventListener("click", () => turn(this.pages - 1));
    const more = box.querySelector(".more-columns");
    fillColumns(more, state.cohort, "", { first: "Add a column…" });
    more.addEventListener("change", () => {
      const column = state.cohort.named.get(more.value);
      if (column && !this.columns.includes(column)) this.columns.push(column);
      more.value = "";
      this.draw();
    });
    box.querySelector(".save").addEventListener("click", () => this.save());
    this.table.addEventListener("mouseleave", () => state.hover(-1));
    state.listeners.push(() => { this.page = 0; this.draw(); });
    this.draw();
  }

  rows() {
    const { cohort, shown, selected } = this.state;
    const rows = [];
    for (let i = 0; i < cohort.size; i++) if (shown[i]) rows.push(i);
    const { column, down } = this.order;
    const values = column && sortable(cohort, column);
    const sign = down ? -1 : 1;
    return rows.sort((a, b) => {
      if (selected[a] !== selected[b]) return selected[b] - selected[a];
      if (!values || values[a] === values[b]) return a - b;
      if (Number.isNaN(values[a]) || Number.isNaN(values[b])) return Number.isNaN(values[a]) ? (Number.isNaN(values[b]) ? a - b : 1) : -1;
      return sign * (values[a] - values[b]);
    });
  }

  draw() {
    const rows = this.rows();
    this.pages = Math.max(1, Math.ceil(rows.length / PAGE));
    this.page = Math.min(Math.max(0, this.page), this.pages - 1);
    const start = this.page * PAGE;
    this.table.tHead.replaceChildren(this.head());
    this.table.tBodies[0].replaceChildren(...rows.slice(start, start + PAGE).map(scan => this.row(scan)));
    const end = Math.min(start + PAGE, rows.length);
    this.note.textContent = rows.length ? `${(start + 1).toLocaleString("en")} to ${end.toLocaleString("en")} of ${rows.length.toLocaleString("en")}` : "No scan passes the filters.";
    this.first.disabled = this.previous.disabled = this.page === 0;
    this.following.disabled = this.last.disabled = this.page === this.pages - 1;
  }

  head() {
    return node("tr", {}, ...[this.state.cohort.labels, ...this.columns].map((column, i) => {
      const sorted = this.order.column === column;
      const button = node("button", { className: "sort", title: column.about }, column.title);
      if (sorted) button.append(this.order.down ? " ▾" : " ▴");
      if (column.unit) button.append(node("small", { textContent: column.unit }));
      button.addEventListener("click", () => {
        this.order = { column, down: sorted && !this.order.down };
        this.page = 0;
        this.draw();
        this.table.tHead.querySelectorAll("button")[i].focus();
      });
      const head = node("th", { scope: "col", className: column.kind === "number" ? "number" : "" }, button);
      head.setAttribute("aria-sort", sorted ? (this.order.down ? "descending" : "ascending") : "none");
      return head;
    }));
  }

  row(scan) {
    const { cohort, selected } = this.state;
    const link = cohort.link(scan);
    const name = node("td", {}, link ? node("a", { href: link, textContent: cohort.label(scan) }) : cohort.label(scan));
    const cells = this.columns.map(column => node("td", {
      className: [column.kind === "number" ? "number" : "breakable", this.outside(column, scan) ? "outside" : ""].join(" ").trim(),
      textContent: cohort.text(column, scan),
    }));
    const row = node("tr", { className: selected[scan] ? "selected" : "" }, name, ...cells);
    row.addEventListener("mouseenter", () => this.state.hover(scan));
    return row;
  }

  outside(column, scan) {
    const range = column.range && this.state.cohort.named.get(column.range);
    return range && this.state.cohort.text(range, scan) === "false";
  }

  // The shown rows, the selected ones where there are any, with the columns of the table.
  save() {
    const { cohort, selected, counts } = this.state;
    const columns = [cohort.named.get("participant_id"), cohort.named.get("session_id"), cohort.labels, ...this.columns].filter(Boolean);
    const raw = (column, scan) => column.kind === "text" ? cohort.level(column, scan) : String(cohort.values(column)[scan]).replace("NaN", "n/a");
    const rows = this.rows().filter(scan => !counts.selected || selected[scan]);
    const lines = [columns.map(column => column.name), ...rows.map(scan => columns.map(column => raw(column, scan)))];
    const text = lines.map(line => line.join("\t")).join("\n") + "\n";
    const address = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    node("a", { href: address, download: "scans.tsv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
}

// Levels of texts are in the order of their first scan, so they are ranked by name.
function sortable(cohort, column) {
  const values = cohort.values(column);
  if (column.kind !== "text") return values;
  const order = [...column.levels.keys()].sort((a, b) => column.levels[a].localeCompare(column.levels[b], "en", { numeric: true }));
  const ranks = new Float64Array(order.length);
  order.forEach((level, rank) => { ranks[level] = rank; });
  return values.map(value => Number.isNaN(value) ? NaN : ranks[value]);
}
