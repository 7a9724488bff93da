// How often each centile occurs, one line per region: with only chance, all fields of a line are alike.
const BINS = 20;
const ROW = 17;

class Heat {
  constructor(figure, state, tip) {
    this.names = JSON.parse(figure.dataset.heat);
    this.columns = this.names.map(name => state.cohort.named.get(name)).filter(Boolean);
    Object.assign(this, { state, tip, near: false, stale: true });
    this.canvas = node("canvas", { className: "heat", height: ROW * this.columns.length + 22 });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Share of the scans in each twentieth of the centiles, by region; the numbers are in the table below");
    figure.prepend(this.canvas);
    state.listeners.push(() => { this.stale = true; requestAnimationFrame(() => this.draw()); });
    new IntersectionObserver(([entry]) => { this.near = entry.isIntersecting; this.draw(); }, { rootMargin: "200px" }).observe(this.canvas);
    new ResizeObserver(() => { this.stale = true; this.draw(); }).observe(figure);
    this.canvas.addEventListener("mousemove", event => this.point(event));
    this.canvas.addEventListener("mouseleave", () => tip.hide());
    this.canvas.addEventListener("click", event => this.pick(event));
  }

  // Those that are shown or, where there are any, selected.
  members() {
    const { state: { shown, selected, counts } } = this;
    return counts.selected ? selected : shown;
  }

  count(column) {
    const bins = new Float64Array(BINS);
    const values = this.state.cohort.values(column);
    const members = this.members();
    let known = 0;
    for (let i = 0; i < values.length; i++) {
      if (!members[i] || Number.isNaN(values[i])) continue;
      bins[this.bin(values[i])]++;
      known++;
    }
    return [bins, known];
  }

  bin(value) { return Math.min(BINS - 1, Math.floor(value / 100 * BINS)); }

  draw() {
    if (!this.near || !this.stale) return;
    this.stale = false;
    const ratio = devicePixelRatio || 1;
    const width = this.canvas.parentElement.clientWidth;
    const height = ROW * this.columns.length + 22;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.left = Math.min(210, width * 0.35);
    const ctx = this.canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.font = "12px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    const step = (width - this.left) / BINS;
    this.counts = this.columns.map((column, line) => {
      const [bins, known] = this.count(column);
      ctx.fillStyle = style("--ink");
      ctx.textAlign = "right";
      ctx.fillText(column.title.replace(/, centile$/, ""), this.left - 8, ROW * (line + 0.5), this.left - 10);
      for (let bin = 0; bin < BINS; bin++) {
        const excess = known ? bins[bin] / known * BINS : 0; // 1: as often as by chance
        ctx.fillStyle = heat(excess);
        ctx.fillRect(this.left + bin * step, ROW * line, step - 1, ROW - 2);
      }
      return [bins, known];
    });
    ctx.fillStyle = style("--soft");
    ctx.textAlign = "center";
    for (const centile of [5, 25, 50, 75, 95]) ctx.fillText(centile, this.left + centile / 100 * (width - this.left), height - 10);
  }

  find(event) {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    const line = Math.floor((event.clientY - top) / ROW);
    const bin = Math.floor((event.clientX - left - this.left) / (width - this.left) * BINS);
    return line < this.columns.length && bin >= 0 && bin < BINS ? [line, bin] : [-1, -1];
  }

  point(event) {
    const [line, bin] = this.find(event);
    if (line < 0) return this.tip.hide();
    const [bins, known] = this.counts[line];
    const text = `centile ${bin * 5} to ${bin * 5 + 5}: ${bins[bin].toLocaleString("en")} of ${known.toLocaleString("en")} scans`;
    this.tip.show(this.columns[line].title, [text, "click: select them"], null, event.clientX, event.clientY);
  }

  pick(event) {
    const [line, bin] = this.find(event);
    if (line < 0) return;
    const { shown, cohort } = this.state;
    const values = cohort.values(this.columns[line]);
    const scans = [...values.keys()].filter(i => shown[i] && !Number.isNaN(values[i]) && this.bin(values[i]) === bin);
    this.state.select(scans, event.shiftKey);
  }
}

// White for none, blue up to three times as often as by chance.
function heat(excess) {
  const share = Math.min(1, excess / 3);
  return `color-mix(in srgb, ${style("--accent")} ${Math.round(100 * share)}%, ${style("--card")})`;
}
