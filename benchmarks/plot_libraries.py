"""Libraries for plots, measured: time to draw a group report's plots, and to mark a selection in all of them.

Needs Chromium and the unpacked npm packages:
    npm pack uplot echarts plotly.js-basic-dist-min    (then unpack each into a folder of its name)
    python benchmarks/plot_libraries.py FOLDER
Each page has eight scatter plots of 10,000 points; then 1,000 points are marked in all of them, five times.
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path

from neurofm_bids.report.pdf import find_browser
from tests.browsing import browsing

FILES = {
    "uPlot": ("uplot/package/dist/uPlot.iife.min.js", "uplot/package/package.json"),
    "Apache ECharts": ("echarts/package/dist/echarts.min.js", "echarts/package/package.json"),
    "plotly.js basic": ("plotly/package/plotly-basic.min.js", "plotly/package/package.json"),
}
PAGE = """<!DOCTYPE html><meta charset="utf-8"><body><script>{library}</script><script>
const N = 10000, PLOTS = 8, W = 500, H = 380;
let seed = 1;
const random = () => (seed = seed * 16807 % 2147483647) / 2147483647;
const numbers = () => Float64Array.from({{length: N}}, () => random() + random());
const columns = Array.from({{length: PLOTS + 1}}, numbers);
const choose = () => Uint8Array.from({{length: N}}, () => random() < 0.1);
const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
const host = () => {{
  const box = document.createElement("div");
  Object.assign(box.style, {{width: W + "px", height: H + "px", float: "left"}});
  document.body.append(box);
  return box;
}};
{code}
async function measure() {{
  const times = [];
  let start = performance.now();
  const plots = Array.from({{length: PLOTS}}, (_, i) => draw(host(), columns[i], columns[i + 1]));
  await Promise.all(plots); await frame();
  times.push(performance.now() - start);
  for (let turn = 0; turn < 5; turn++) {{
    const chosen = choose();
    start = performance.now();
    await Promise.all(plots.map((plot, i) => mark(plot, columns[i], columns[i + 1], chosen)));
    await frame();
    times.push(performance.now() - start);
  }}
  return times;
}}
</script>"""
CODE = {
    "uPlot": """
const draw = (box, x, y) => {
  const state = {chosen: new Uint8Array(N)};
  const paint = u => {
    const c = u.ctx;
    for (const on of [0, 1]) {
      c.fillStyle = on ? "#b3261e" : "#1f5f8b";
      for (let i = 0; i < N; i++) if (state.chosen[i] === on)
        c.fillRect(u.valToPos(x[i], "x", true) - 2, u.valToPos(y[i], "y", true) - 2, 4, 4);
    }
  };
  state.u = new uPlot({width: W, height: H, legend: {show: false}, scales: {x: {time: false, range: [0, 2]},
    y: {range: [0, 2]}}, series: [{}, {show: false}], hooks: {draw: [paint]}}, [[0, 2], [0, 2]], box);
  return state;
};
const mark = (state, x, y, chosen) => { state.chosen = chosen; state.u.redraw(false); };
""",
    "Apache ECharts": """
const data = (x, y, keep) => [...x.keys()].filter(keep).map(i => [x[i], y[i]]);
const draw = (box, x, y) => {
  const chart = echarts.init(box);
  chart.setOption({animation: false, xAxis: {}, yAxis: {}, series: [
    {type: "scatter", symbolSize: 4, large: true, data: data(x, y, () => true)},
    {type: "scatter", symbolSize: 4, large: true, data: []}]});
  return chart;
};
const mark = (chart, x, y, chosen) => chart.setOption({series: [{}, {data: data(x, y, i => chosen[i])}]});
""",
    "plotly.js basic": """
const data = (x, keep) => x.filter((_, i) => keep(i));
const draw = (box, x, y) => Plotly.newPlot(box, [
  {type: "scatter", mode: "markers", x, y, marker: {size: 4}},
  {type: "scatter", mode: "markers", x: [], y: [], marker: {size: 4}}], {width: W, height: H})
  .then(() => box);
const mark = async (plot, x, y, chosen) => { const box = await plot;
  return Plotly.restyle(box, {x: [data(x, i => chosen[i])], y: [data(y, i => chosen[i])]}, [1]); };
""",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("| library | size, gzip (kB) | eight plots drawn (ms) | selection marked (ms, median of 5) |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as work, browsing(find_browser(), work) as page:
        for name, (script, about) in FILES.items():
            code = (folder / script).read_bytes()
            path = Path(work) / "page.html"
            path.write_text(PAGE.format(library=code.decode(), code=CODE[name]))
            page.open(path.as_uri(), 1100, 900)
            drawn, *marked = page.run("measure()")
            version = _version(folder / about)
            size = len(gzip.compress(code, 9)) / 1000
            print(f"| {name} {version} | {size:,.0f} | {drawn:,.0f} | {sorted(marked)[2]:,.0f} |", flush=True)


def _version(path):
    return json.loads(path.read_text())["version"]


if __name__ == "__main__":
    main()
