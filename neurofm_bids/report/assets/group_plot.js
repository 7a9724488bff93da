// One plot of scans as points, on axes of uPlot: hover names, click opens, a drag selects.
const NEAR = 14; // pixels from a point that still count as on it
const MANY = 500, VERY_MANY = 3000; // more points than this are squares, which draw fast, and small squares
const FADED = "#c3c9d1";
const packed = colour => 0xff000000 + [5, 3, 1].reduce((sum, at) => sum * 256 + parseInt(colour.slice(at, at + 2), 16), 0);
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Evenly spread numbers in 0 to 1 without chance: multiples of the golden ratio.
const spread = place => place * 0.6180339887498949 % 1;

function limits(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const margin = (high - low) * 0.05 || Math.abs(low) * 0.05 || 1;
  return [low - margin, high + margin];
}

// Numbers along an axis, with as many digits as tell one from the next.
function ticks(plot, at, axis, space, step) {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(step)));
  if (digits > 12) return at.map(value => String(Number(value.toPrecision(6))));
  return at.map(value => value.toLocaleString("en", { maximumFractionDigits: digits }));
}

// Distances from the middle line of a strip: as wide as points are dense; scans with one key have one distance.
function swarm(values, keys) {
  const [low, high] = limits(values);
  const bins = new Float64Array(40);
  const bin = value => Math.min(39, Math.floor((value - low) / (high - low) * 40));
  for (const value of values) if (!Number.isNaN(value)) bins[bin(value)]++;
  const most = Math.max(...bins, 1);
  return values.map((value, i) => {
    if (Number.isNaN(value)) return NaN;
    return (2 * spread(keys ? keys[i] : i) - 1) * Math.max(0.08, 0.9 * bins[bin(value)] / most);
  });
}

class Plot {
  constructor(figure, state, tip) {
    Object.assign(this, { figure, state, tip, spec: JSON.parse(figure.dataset.plot), stale: true, near: false });
    this.controls = node("div", { className: "axes" });
    this.host = node("div", { className: "canvas", tabIndex: 0 });
    this.ring = node("div", { className: "ring", hidden: true });
    figure.prepend(this.controls, this.host);
    this.axes = {};
    this.choose("x");
    if (this.spec.y) this.choose("y");
    state.listeners.push(() => this.mark());
    state.hoverers.push(scan => this.showRing(scan));
    new IntersectionObserver(([entry]) => {
      this.near = entry.isIntersecting;
      this.draw();
    }, { rootMargin: "200px" }).observe(this.host);
    new ResizeObserver(() => {
      if (this.u && this.host.clientWidth !== this.u.width) this.rebuild();
    }).observe(this.host);
    this.host.addEventListener("keydown", event => this.key(event));
  }

  // An axis that can be chosen has a list of columns; the others are fixed.
  choose(name) {
    const { cohort } = this.state;
    this.axes[name] = cohort.named.get(this.spec[name]);
    if (!this.spec.choose) return;
    const select = node("select");
    fillColumns(select, cohort, this.spec[name]);
    select.addEventListener("change", () => {
      this.axes[name] = cohort.named.get(select.value);
      this.rebuild();
    });
    const label = this.spec.y ? (name === "x" ? "Across" : "Up") : "Column";
    this.controls.append(node("label", {}, `${label} `, select));
  }

  mark() {
    this.stale = true;
    requestAnimationFrame(() => this.draw());
  }

  rebuild() {
    if (this.u) this.u.destroy();
    this.u = null;
    this.mark();
  }

  draw() {
    if (!this.near || !this.stale) return;
    this.stale = false;
    if (this.u) this.u.redraw(false, false);
    else this.build();
  }

  drawNow() {
    if (this.host.clientWidth && (this.stale || !this.u)) {
      this.near = this.stale = true;
      this.draw();
    }
  }

  place(name) {
    const column = this.axes[name];
    const values = this.state.cohort.values(column);
    return column.kind === "text" ? values.map((value, i) => value + 0.5 * (spread(i) - 0.5)) : values;
  }

  build() {
    const { x, y } = this.axes;
    this.xs = this.place("x");
    this.personal = [x, y].some(column => column && column.personal);
    const people = this.personal && this.state.cohort.values(this.state.cohort.named.get("participant_id"));
    this.ys = y ? this.place("y") : swarm(this.xs, people);
    const title = y ? `${titleOf(y)} against ${titleOf(x)}` : `Distribution of ${titleOf(x)}`;
    this.host.setAttribute("role", "application");
    this.host.setAttribute("aria-label", `${title}. Arrow keys go from scan to scan, Enter opens the report, Space selects.`);
    const [rangeX, rangeY] = [limits(this.xs), y ? limits(this.ys) : [-1.1, 1.1]];
    const axis = column => ({
      stroke: style("--soft"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
      grid: { stroke: style("--line"), width: 0.5 }, ticks: { stroke: style("--line"), width: 0.5 },
      ...(column && column.kind === "text" ? this.levels(column) : { values: ticks }),
    });
    const options = {
      width: Math.max(200, this.host.clientWidth), height: y ? 380 : 150, legend: { show: false }, padding: [8, 12, 0, 4],
      scales: { x: { time: false, range: () => rangeX }, y: { range: () => rangeY } },
      series: [{}, { show: false }],
      cursor: { points: { show: false }, x: false, y: false, drag: { x: true, y: Boolean(y), setScale: false, uni: 10 } },
      axes: [
        { ...axis(x), label: titleOf(x), size: 34, labelSize: 20 },
        y ? { ...axis(y), label: titleOf(y), size: 64, labelSize: 20 } : { show: false },
      ],
      hooks: { draw: [() => this.paint()], setSelect: [() => this.brush()] },
    };
    this.host.replaceChildren();
    this.u = new uPlot(options, [rangeX, [null, null]], this.host);
    this.u.over.append(this.ring);
    this.u.over.addEventListener("mousemove", event => this.point(event));
    this.u.over.addEventListener("mouseleave", () => this.leave());
    this.u.over.addEventListener("mousedown", ({ clientX, clientY }) => { this.pressed = [clientX, clientY]; });
    this.u.over.addEventListener("click", event => this.click(event));
  }

  levels(column) {
    const count = column.levels.length;
    const step = Math.ceil(count / 30);
    const splits = [...column.levels.keys()].filter(i => i % step === 0);
    return { splits: () => splits, values: (_, at) => at.map(i => (column.levels[i] || "").slice(0, 12)) };
  }

  // Points, faded where others are selected; the places on the screen are kept for hover and brush.
  paint() {
    const { u, state: { cohort: { size }, counts } } = this;
    const ratio = devicePixelRatio || 1;
    const { left, top, width, height } = u.bbox;
    const { x: { min: x0, max: x1 }, y: { min: y0, max: y1 } } = u.scales;
    const [px, py] = [new Float32Array(size), new Float32Array(size)];
    const drawn = this.personal ? this.state.cohort.standing(this.state) : () => true;
    for (let i = 0; i < size; i++) {
      px[i] = !drawn(i) ? NaN : left + (this.xs[i] - x0) / (x1 - x0) * width;
      py[i] = top + (y1 - this.ys[i]) / (y1 - y0) * height;
    }
    Object.assign(this, { px, py });
    u.ctx.save();
    this.guide();
    if (this.spec.join) this.join();
    if (counts.shown > MANY) this.pixels();
    else this.shapes(3.2 * ratio);
    u.ctx.restore();
    this.showRing(this.state.hovered);
  }

  shapes(radius) {
    const { shown, selected, counts, places, palette } = this.state;
    if (counts.selected) this.layer(FADED, i => shown[i] && !selected[i], radius);
    const chosen = counts.selected ? selected : shown;
    palette.forEach((colour, place) => {
      this.layer(colour, i => chosen[i] && places[i] === place, counts.selected ? radius * 1.3 : radius);
    });
  }

  layer(colour, admits, radius) {
    const { px, py, u: { ctx }, state: { cohort: { size } } } = this;
    ctx.fillStyle = colour;
    ctx.globalAlpha = 0.85;
    for (let i = 0; i < size; i++) {
      if (!admits(i) || Number.isNaN(px[i] + py[i])) continue;
      ctx.beginPath(); // one path for all would be slow where points overlap
      ctx.arc(px[i], py[i], radius, 0, 2 * Math.PI);
      ctx.fill();
    }
  }

  // Many points are written as pixels, which takes a tenth of the time of shapes.
  pixels() {
    const { px, py, u: { ctx, bbox: { left, top, width, height } } } = this;
    const { cohort: { size }, shown, selected, counts, places, palette } = this.state;
    const image = new ImageData(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
    const data = new Uint32Array(image.data.buffer);
    const colours = [...palette, FADED].map(packed);
    const wide = Math.round((counts.shown > VERY_MANY ? 2 : 4) * (devicePixelRatio || 1));
    const write = (i, colour, side) => {
      const [x, y] = [Math.round(px[i] - left - side / 2), Math.round(py[i] - top - side / 2)];
      if (Number.isNaN(x + y)) return;
      for (let row = Math.max(0, y); row < Math.min(image.height, y + side); row++) {
        const start = row * image.width;
        data.fill(colour, start + Math.max(0, x), start + Math.max(0, Math.min(image.width, x + side)));
      }
    };
    if (counts.selected) for (let i = 0; i < size; i++) if (shown[i] && !selected[i]) write(i, colours[palette.length], wide);
    const chosen = counts.selected ? selected : shown;
    for (let i = 0; i < size; i++) if (chosen[i]) write(i, colours[places[i]], counts.selected ? wide + 1 : wide);
    const canvas = node("canvas", { width: image.width, height: image.height });
    canvas.getContext("2d").putImageData(image, 0, 0);
    ctx.drawImage(canvas, Math.round(left), Math.round(top));
  }

  // The line of identity, or of zero.
  guide() {
    const { u, spec: { line } } = this;
    if (!line) return;
    const { ctx, bbox: { left, top, width, height }, scales: { x, y } } = u;
    const at = (value, axis) => u.valToPos(value, axis, true);
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.setLineDash([6, 5]);
    ctx.strokeStyle = style("--soft");
    ctx.beginPath();
    ctx.moveTo(at(x.min, "x"), at(line === "zero" ? 0 : x.min, "y"));
    ctx.lineTo(at(x.max, "x"), at(line === "zero" ? 0 : x.max, "y"));
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // Lines from each scan of a participant to the next, in the order of the horizontal axis.
  join() {
    const { px, py, u: { ctx }, state: { cohort, shown, selected, counts } } = this;
    const ratio = devicePixelRatio || 1;
    const people = cohort.values(cohort.named.get("participant_id"));
    const order = [...px.keys()].filter(i => shown[i] && !Number.isNaN(px[i] + py[i]));
    order.sort((a, b) => people[a] - people[b] || px[a] - px[b]);
    for (const strong of [false, true]) {
      ctx.strokeStyle = counts.selected && !strong ? FADED : style(strong ? "--ink" : "--soft");
      ctx.lineWidth = (strong ? 2 : 1.5) * ratio;
      ctx.globalAlpha = strong ? 1 : counts.shown > MANY ? 0.3 : 0.7;
      ctx.beginPath();
      for (let k = 1; k < order.length; k++) {
        const [a, b] = [order[k - 1], order[k]];
        if (people[a] !== people[b] || Boolean(counts.selected && selected[a] | selected[b]) !== strong) continue;
        ctx.moveTo(px[a], py[a]);
        ctx.lineTo(px[b], py[b]);
      }
      ctx.stroke();
    }
  }

  // The place of a scan in pixels of the page, from the corner of the plotting area.
  on(scan) {
    const ratio = devicePixelRatio || 1;
    const { left, top } = this.u.bbox;
    return [(this.px[scan] - left) / ratio, (this.py[scan] - top) / ratio];
  }

  nearest(left, top) {
    const { px, py, state: { shown } } = this;
    const ratio = devicePixelRatio || 1;
    const [x, y] = [left * ratio + this.u.bbox.left, top * ratio + this.u.bbox.top];
    let best = -1, least = (NEAR * ratio) ** 2;
    for (let i = 0; i < px.length; i++) {
      const distance = (px[i] - x) ** 2 + (py[i] - y) ** 2;
      if (shown[i] && distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  point(event) {
    const { left, top } = this.u.over.getBoundingClientRect();
    const scan = this.nearest(event.clientX - left, event.clientY - top);
    this.u.over.style.cursor = scan < 0 ? "crosshair" : "pointer";
    this.show(scan);
  }

  show(scan) {
    this.state.hover(scan);
    if (scan < 0) return this.tip.hide();
    const { cohort, colour } = this.state;
    const columns = [this.axes.x, this.axes.y, colour].filter((column, i, all) => column && all.indexOf(column) === i);
    const lines = columns.map(column => `${titleOf(column)}: ${cohort.text(column, scan)}`);
    const { left, top } = this.u.over.getBoundingClientRect();
    const [x, y] = this.on(scan);
    this.tip.show(cohort.label(scan), lines, cohort.link(scan), left + x, top + y);
  }

  leave() {
    this.tip.hide();
    this.state.hover(-1);
  }

  showRing(scan) {
    if (!this.u || !this.px) return;
    const hidden = scan < 0 || !this.near || Number.isNaN(this.px[scan] + this.py[scan]);
    this.ring.hidden = hidden;
    if (hidden) return;
    const [x, y] = this.on(scan);
    this.ring.style.transform = `translate(${x}px, ${y}px)`;
  }

  brush() {
    const { left, top, width, height } = this.u.select;
    if (width < 3 && height < 3) return;
    const inside = [];
    for (let i = 0; i < this.px.length; i++) {
      const [x, y] = this.on(i);
      if (this.state.shown[i] && x >= left && x <= left + width && y >= top && y <= top + height) inside.push(i);
    }
    this.u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.state.select(this.personal ? this.ofPeople(inside) : inside, this.adding);
  }

  // All scans of the participants of some scans.
  ofPeople(scans) {
    const { cohort, shown } = this.state;
    const people = cohort.values(cohort.named.get("participant_id"));
    const wanted = new Set(scans.map(scan => people[scan]));
    return [...people.keys()].filter(i => shown[i] && wanted.has(people[i]));
  }

  click(event) {
    const [x, y] = this.pressed || [event.clientX, event.clientY];
    if (Math.hypot(event.clientX - x, event.clientY - y) > 3) return;
    const { left, top } = this.u.over.getBoundingClientRect();
    const scan = this.nearest(event.clientX - left, event.clientY - top);
    if (scan < 0) return this.state.select([], false);
    if (event.shiftKey) return this.state.toggle(scan);
    openReport(this.state.cohort.link(scan), event.ctrlKey || event.metaKey);
  }

  key(event) {
    const { key } = event;
    const { state } = this;
    if (key === "Escape") { this.leave(); state.select([], false); return; }
    if (!["ArrowRight", "ArrowLeft", "Enter", " "].includes(key) || !this.px) return;
    event.preventDefault();
    if (key === "Enter" && state.hovered >= 0) return openReport(state.cohort.link(state.hovered), false);
    if (key === " " && state.hovered >= 0) return state.toggle(state.hovered);
    if (key.startsWith("Arrow")) this.show(this.next(key === "ArrowRight"));
  }

  next(forward) {
    const order = [...this.px.keys()].filter(i => this.state.shown[i] && !Number.isNaN(this.px[i] + this.py[i]));
    order.sort((a, b) => this.px[a] - this.px[b]);
    const place = order.indexOf(this.state.hovered);
    if (place < 0) return order.length ? order[forward ? 0 : order.length - 1] : -1;
    return order[(place + (forward ? 1 : order.length - 1)) % order.length];
  }
}

function openReport(link, beside) {
  if (link) node("a", { href: link, target: beside ? "_blank" : "" }).click();
}
