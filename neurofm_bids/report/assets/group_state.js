// What is filtered, selected and coloured; every plot and the table follow it.
const SEQUENCE = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30"];
const CATEGORIES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1"];
const OTHER = "#8a929c";

class State {
  constructor(cohort) {
    this.cohort = cohort;
    this.filters = [];
    this.search = "";
    this.shown = new Uint8Array(cohort.size).fill(1);
    this.selected = new Uint8Array(cohort.size);
    this.counts = { shown: cohort.size, selected: 0 };
    this.hovered = -1;
    this.listeners = [];
    this.hoverers = [];
    this.colourBy(null);
  }

  changed() {
    let shown = 0, selected = 0;
    for (let i = 0; i < this.cohort.size; i++) {
      shown += this.shown[i];
      selected += this.selected[i] &= this.shown[i];
    }
    this.counts = { shown, selected };
    this.listeners.forEach(listener => listener());
  }

  hover(scan) {
    if (scan === this.hovered) return;
    this.hovered = scan;
    this.hoverers.forEach(hoverer => hoverer(scan));
  }

  filter() {
    const { cohort } = this;
    const words = this.search.trim().toLowerCase();
    this.shown.fill(1);
    if (words) {
      const names = cohort.labels.levels.map(level => level.toLowerCase().includes(words));
      cohort.values(cohort.labels).forEach((place, i) => { this.shown[i] = names[place] ? 1 : 0; });
    }
    for (const { column, admits } of this.filters) {
      const values = cohort.values(column);
      for (let i = 0; i < cohort.size; i++) if (this.shown[i] && !admits(values[i])) this.shown[i] = 0;
    }
    this.changed();
  }

  select(scans, add) {
    if (!add) this.selected.fill(0);
    for (const scan of scans) this.selected[scan] = 1;
    this.changed();
  }

  toggle(scan) {
    this.selected[scan] ^= 1;
    this.changed();
  }

  // A place in the palette for every scan, and what the places mean.
  colourBy(column) {
    this.colour = column;
    this.places = new Uint8Array(this.cohort.size);
    if (!column) {
      this.palette = [CATEGORIES[0]];
      this.legend = [];
    } else if (column.kind === "text") {
      this.colourLevels(this.cohort.values(column), column.levels.map(level => levelText(column, level)));
    } else if (column.decimals === 0 && this.isFew(column)) {
      const values = this.cohort.values(column);
      const known = [...new Set(values)].filter(value => !Number.isNaN(value)).sort((a, b) => a - b);
      this.colourLevels(values.map(value => Number.isNaN(value) ? NaN : known.indexOf(value)), known.map(String));
    } else {
      this.colourNumbers(column);
    }
  }

  // Whether a column of whole numbers has so few of them, such as numbers of clusters, that each has a colour.
  isFew(column) {
    return new Set(this.cohort.values(column).filter(value => !Number.isNaN(value))).size <= CATEGORIES.length;
  }

  colourLevels(values, levels) {
    const counts = new Float64Array(levels.length);
    values.forEach(value => { if (value >= 0) counts[value]++; });
    const common = [...counts.keys()].sort((a, b) => counts[b] - counts[a]).slice(0, CATEGORIES.length);
    common.sort((a, b) => levels[a].localeCompare(levels[b], "en", { numeric: true }));
    const place = new Uint8Array(counts.length).fill(common.length);
    common.forEach((level, i) => { place[level] = i; });
    this.palette = [...CATEGORIES.slice(0, common.length), OTHER];
    values.forEach((value, i) => { this.places[i] = value >= 0 ? place[value] : common.length; });
    this.legend = common.map((level, i) => [this.palette[i], levels[level]]);
    const rest = counts.length > common.length ? "others, or not known" : "not known";
    if (this.places.includes(common.length)) this.legend.push([OTHER, rest]);
  }

  colourNumbers(column) {
    const values = this.cohort.values(column);
    const known = values.filter(value => !Number.isNaN(value)).sort();
    const [low, high] = [0.02, 0.98].map(share => known[Math.round(share * (known.length - 1))]);
    const steps = SEQUENCE.length;
    this.palette = [...SEQUENCE, OTHER];
    values.forEach((value, i) => {
      const step = high > low ? Math.floor((value - low) / (high - low) * steps) : 0;
      this.places[i] = Number.isNaN(value) ? steps : Math.min(steps - 1, Math.max(0, step));
    });
    const text = value => written(column, value);
    this.legend = known.length ? [[SEQUENCE[0], `${text(low)} or less`], [SEQUENCE[steps >> 1], text((low + high) / 2)],
      [SEQUENCE[steps - 1], `${text(high)} or more`]] : [];
    if (known.length < values.length) this.legend.push([OTHER, "not known"]);
  }
}
