// The scans of the cohort: columns of numbers and of texts, decoded from one packed array of bytes when needed.
const MISSING = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

// The bytes of a template, which holds them compressed by gzip as base64.
async function inflate(id) {
  const signs = atob(document.getElementById(id).content.textContent.trim());
  const bytes = new Uint8Array(signs.length);
  for (let i = 0; i < signs.length; i++) bytes[i] = signs.charCodeAt(i);
  if (!globalThis.DecompressionStream) throw new Error("this browser cannot unpack them, a newer one can");
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function loadPlots() {
  const code = new TextDecoder().decode(await inflate("plots-code"));
  document.head.append(node("script", { textContent: code }));
  if (!globalThis.uPlot) throw new Error("the browser refused the code of the plots");
}

function unpack(buffer) {
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4)));
  return new Cohort(about, new Uint8Array(buffer, start));
}

class Cohort {
  constructor(about, bytes) {
    this.size = about.size;
    this.columns = about.columns;
    this.bytes = bytes;
    this.named = new Map(about.columns.map(column => [column.name, column]));
    this.decoded = new Map();
    this.labels = this.named.get("label");
    this.links = this.named.get("link");
  }

  // The bytes of a column lie in planes: the lowest byte of all scans, then the next.
  codes(column) {
    const out = new Float64Array(this.size);
    for (let plane = 0; plane < column.bytes; plane++) {
      const at = column.at + plane * this.size;
      const weight = 256 ** plane;
      for (let i = 0; i < this.size; i++) out[i] += weight * this.bytes[at + i];
    }
    return out;
  }

  // Numbers that are kept as they are, in planes too.
  doubles(column) {
    const cells = new DataView(new ArrayBuffer(8 * this.size));
    for (let plane = 0; plane < 8; plane++) {
      const at = column.at + plane * this.size;
      for (let i = 0; i < this.size; i++) cells.setUint8(8 * i + plane, this.bytes[at + i]);
    }
    return Float64Array.from({ length: this.size }, (_, i) => cells.getFloat64(8 * i, true));
  }

  // Numbers, or places among the levels of a column of texts; NaN for none.
  values(column) {
    if (!this.decoded.has(column.name)) {
      const none = MISSING[column.bytes];
      const scale = 10 ** (column.decimals || 0);
      const base = column.base || 0;
      this.decoded.set(column.name, column.bytes === 8 ? this.doubles(column)
        : this.codes(column).map(code => code === none ? NaN : (code + base) / scale));
    }
    return this.decoded.get(column.name);
  }

  // A level as the tables have it.
  level(column, scan) {
    const value = this.values(column)[scan];
    return Number.isNaN(value) ? "n/a" : column.levels[value];
  }

  // Whether a scan stands for its participant: the first one selected, or shown.
  standing(state) {
    const people = this.values(this.named.get("participant_id"));
    const first = new Map();
    for (let i = 0; i < this.size; i++) {
      if (!state.shown[i]) continue;
      const other = first.get(people[i]);
      if (other === undefined || state.selected[i] > state.selected[other]) first.set(people[i], i);
    }
    return scan => first.get(people[scan]) === scan;
  }

  text(column, scan) {
    const value = this.values(column)[scan];
    if (Number.isNaN(value)) return "n/a";
    if (column.kind === "text") return levelText(column, column.levels[value]);
    const bound = column.bound && this.named.get(column.bound);
    const sign = bound && this.level(bound, scan).includes("lower_bound") ? "≥ " : "";
    return sign + written(column, value, column.decimals);
  }

  label(scan) { return this.text(this.labels, scan); }

  // No participant has a page where their reports were moved.
  link(scan) {
    if (!this.links) return null;
    const value = this.values(this.links)[scan];
    return Number.isNaN(value) ? null : this.links.levels[value];
  }
}

// A number with the decimals of its column, or where it has any magnitude with all digits that float64 keeps.
function written(column, value, least = 0) {
  if (column.bytes === 8) return String(Number(value.toPrecision(15)));
  return value.toLocaleString("en", { minimumFractionDigits: least, maximumFractionDigits: column.decimals });
}

// Codes such as those of flags are written as words.
const levelText = (column, level) => column.coded ? level.replaceAll("_", " ").replaceAll(";", "; ") : level;

const titleOf = column => column.unit ? `${column.title} (${column.unit})` : column.title;

function node(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Options of all columns, or of those of a kind, by the table that they are from.
function fillColumns(select, cohort, chosen, { kind = null, first = null } = {}) {
  select.replaceChildren();
  if (first !== null) select.append(new Option(first, ""));
  const groups = new Map();
  for (const column of cohort.columns) {
    if (column.name === "link" || kind && column.kind !== kind) continue;
    if (!groups.has(column.group)) groups.set(column.group, node("optgroup", { label: column.group }));
    groups.get(column.group).append(new Option(titleOf(column), column.name));
  }
  select.append(...groups.values());
  select.value = chosen || "";
}
