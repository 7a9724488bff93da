"""The group report in a real browser: plots, filters and the table share their scans, also ten thousand."""

import base64
import gzip
import re

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.report.group import render_group_report
from neurofm_bids.report.group_pack import ScanColumn, pack
from neurofm_bids.report.pdf import find_browser
from tests.browsing import browsing
from tests.report.cohort_tables import cohort_of, simulated

pytestmark = pytest.mark.browser

COUNT = 40
READY = "document.documentElement.dataset.ready"
SELECTED = "[...document.querySelectorAll('#scan-table tr.selected td:first-child')].map(e => e.textContent)"
FRAME = "await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
AGES = "report.plots.find(plot => plot.spec.line === 'identity')"


def write(folder, count, *, has_pages=True):
    tables = simulated(count)
    people = tables["predictions"].frame["participant_id"].unique() if has_pages else ()
    page = render_group_report(tables, cohort_of(count), {name[4:]: f"{name}.html" for name in people})
    path = folder / f"group-{count}{'' if has_pages else '-alone'}.html"
    path.write_text(page)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("group")


@pytest.fixture(scope="module")
def page(folder):
    return write(folder, COUNT)


@pytest.fixture(scope="module")
def tab(folder):
    with browsing(find_browser(), folder / "profile") as tab:
        yield tab


@pytest.fixture
def opened(tab, page):
    def shown(width=1200, **media):
        tab.open(page.as_uri(), width, 900, **media)
        if media.get("scripts", True):
            tab.wait(READY)
        return tab

    yield shown
    assert tab.messages == []
    assert [uri for uri in tab.requests if not uri.startswith(("file:", "data:"))] == []


def into_view(tab, plot):
    tab.run(f"({plot}).host.scrollIntoView({{block: 'center'}})")
    tab.wait(f"({plot}).px && !({plot}).stale")


def point_of(tab, plot, scan):
    """Return where a scan is drawn, in pixels of the window."""
    box = f"({plot}).u.over.getBoundingClientRect()"
    return tab.run(
        f"(() => {{ const b = {box}, [x, y] = ({plot}).on({scan}); return [b.left + x, b.top + y]; }})()"
    )


def mouse(tab, kind, place, **more):
    about = {"button": "left", "clickCount": 1, "buttons": 1} if kind != "mouseMoved" or more else {}
    tab.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], **{**about, **more})


def drag(tab, start, end):
    mouse(tab, "mouseMoved", start)
    mouse(tab, "mousePressed", start)
    for share in (0.3, 0.7, 1.0):
        mouse(tab, "mouseMoved", np.add(start, np.subtract(end, start) * share).tolist(), buttons=1)
    mouse(tab, "mouseReleased", end)
    tab.run(f"(async () => {{ {FRAME} }})()")


def alone(tab, plot):
    """Return a scan of a plot that no other is drawn near of."""
    far = f"""(() => {{ const {{px, py}} = {plot}, known = [...px.keys()].filter(i => px[i] + py[i] > 0);
      const apart = (i, k) => k === i ? Infinity : Math.hypot(px[i] - px[k], py[i] - py[k]);
      const gap = i => Math.min(...known.map(k => apart(i, k)));
      return known.sort((a, b) => gap(b) - gap(a))[0]; }})()"""
    return tab.run(far)


@pytest.mark.parametrize("width", [1200, 800, 400])
def test_it_fits_the_page(opened, width):
    tab = opened(width)
    assert tab.run("document.documentElement.scrollWidth") <= width
    room = tab.run("(e => [e.scrollWidth, e.clientWidth])(document.querySelector('#scan-table .wide'))")
    assert width == 400 or room[0] <= room[1]  # a table scrolls on narrow screens only


def test_the_columns_arrive_as_the_tables_have_them(opened):
    tab = opened()
    frame = simulated(COUNT)["predictions"].frame
    values = tab.run("[...report.state.cohort.values(report.state.cohort.named.get('predicted_age_years'))]")
    np.testing.assert_allclose(values, frame["predicted_age_years"], atol=0.006)
    text = "report.state.cohort.text(report.state.cohort.named.get('quality'), i)"
    assert tab.run(f"[...Array(40).keys()].map(i => {text})") == frame["quality"].tolist()


def test_pointing_at_a_scan_names_it_and_a_click_opens_its_report(opened, page):
    tab = opened()
    into_view(tab, AGES)
    scan = alone(tab, AGES)
    place = point_of(tab, AGES, scan)
    mouse(tab, "mouseMoved", place)
    row = simulated(COUNT)["predictions"].frame.iloc[scan]
    (page.parent / f"{row['participant_id']}.html").write_text("<!DOCTYPE html>")
    tip = tab.run("document.getElementById('tip').innerText")
    assert f"{row['participant_id']}_{row['session_id']}" in tip
    assert "Chronological age (years)" in tip
    mouse(tab, "mousePressed", place)
    mouse(tab, "mouseReleased", place)
    tab.wait(f"location.href.endsWith('/{row['participant_id']}.html')")


def test_it_is_drawn_without_the_reports_of_participants(tab, folder):
    tab.open(write(folder, COUNT, has_pages=False).as_uri(), 1200, 900)
    tab.wait(READY)
    into_view(tab, AGES)
    mouse(tab, "mouseMoved", point_of(tab, AGES, alone(tab, AGES)))
    tip = tab.run("document.getElementById('tip').innerText")
    assert "sub-" in tip
    assert "click" not in tip
    assert tab.run("document.querySelectorAll('#scan-table tbody tr').length") == COUNT
    assert tab.run("document.getElementById('failed').hidden")
    assert "for the report of its participant" not in tab.run("document.getElementById('summary').innerText")
    assert tab.messages == []


def test_the_change_of_a_participant_is_one_point(opened):
    tab = opened()
    strip = "report.plots.find(plot => plot.spec.x === 'change:left_hippocampus_mm3')"
    into_view(tab, strip)
    drawn = f"[...({strip}).px.keys()].filter(i => !Number.isNaN(({strip}).px[i]))"
    assert tab.run(drawn) == list(range(0, COUNT, 2))
    tab.run("report.state.select([3], false)")
    tab.wait(f"!({strip}).stale")
    assert tab.run(drawn) == [0, 3, *range(4, COUNT, 2)]
    tab.run(f"report.state.select(({strip}).ofPeople([3]), false)")
    names = simulated(COUNT)["predictions"].frame.iloc[2:4]
    assert tab.run(SELECTED) == (names["participant_id"] + "_" + names["session_id"]).tolist()


def test_codes_are_written_as_words_and_saved_as_they_are(tab, folder):
    count = 400
    scan = simulated(count)["predictions"].frame["flags"].tolist().index("low_snr")
    tab.open(write(folder, count).as_uri(), 1200, 900)
    tab.wait(READY)
    column = "report.state.cohort.named.get('flags')"
    assert tab.run(f"report.state.cohort.text({column}, {scan})") == "low snr"
    assert tab.run(f"report.state.cohort.level({column}, {scan})") == "low_snr"
    tab.run(f"report.state.select([{scan}], false)")
    assert "low snr" in tab.run("document.querySelector('#scan-table tr.selected').innerText")


def test_words_of_tables_are_not_broken(opened):
    tab = opened(800)
    broken = """[...document.querySelectorAll('.wide td:not(.breakable), .wide th')].filter(cell =>
      [...cell.childNodes].some(one => {
        if (one.nodeType !== 3 || /[-\\s]/.test(one.data.trim())) return false;
        const range = document.createRange();
        range.selectNodeContents(one);
        return new Set([...range.getClientRects()].map(box => box.top)).size > 1;
      })).length"""
    assert tab.run("document.querySelectorAll('.wide td').length") > 100
    tab.run("document.querySelectorAll('.wide').forEach(box => { box.style.width = '4rem'; })")
    assert tab.run(broken) == 0
    anywhere = "overflow-wrap: anywhere; white-space: normal"
    tab.run(f"document.querySelectorAll('.wide td').forEach(cell => {{ cell.style = '{anywhere}'; }})")
    assert tab.run(broken) > 0


def test_the_hint_of_the_search_fits(opened):
    wide = """(() => { const box = document.querySelector('#desk .search'), about = getComputedStyle(box);
      const pen = document.createElement('canvas').getContext('2d');
      pen.font = about.font;
      const room = box.clientWidth - parseFloat(about.paddingLeft) - parseFloat(about.paddingRight);
      return pen.measureText(box.placeholder).width - room; })()"""
    assert opened().run(wide) < 0


def test_a_drag_selects_the_same_scans_everywhere(opened, tmp_path):
    tab = opened()
    into_view(tab, AGES)
    low, high = (tab.run(f"({AGES}).u.valToPos({age}, 'x')") for age in (30, 60))
    left, top, height = tab.run(f"(b => [b.left, b.top, b.height])(({AGES}).u.over.getBoundingClientRect())")
    drag(tab, [left + low, top + 2], [left + high, top + height - 2])
    (tmp_path / "selected.png").write_bytes(tab.picture())
    frame = simulated(COUNT)["predictions"].frame
    inside = frame[frame["chronological_age_years"].between(30, 60)]
    names = (inside["participant_id"] + "_" + inside["session_id"]).tolist()
    assert 5 < len(names) < COUNT
    assert tab.run(SELECTED) == names
    assert f"{len(names)} selected" in tab.run("document.querySelector('#desk .counts').textContent")
    assert (
        tab.run(f"{SELECTED}.length && document.querySelector('#scan-table tbody tr').className")
        == "selected"
    )
    other = "report.plots.find(plot => plot.spec.x === 'pc_1')"
    into_view(tab, other)
    tab.run("document.querySelector('#desk .clear').click()")
    assert tab.run(SELECTED) == []


def colours(tab, plot):
    """Return how many pixels of a plot are in the one colour of scans, and how many are faded."""
    count = f"""(() => {{ const {{u}} = {plot}, {{left, top, width, height}} = u.bbox;
      const data = u.ctx.getImageData(left, top, width, height).data;
      let full = 0, faded = 0;
      for (let i = 0; i < data.length; i += 4) {{
        const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
        if (b - r > 120) full++;
        else if (Math.abs(r - 201) < 8 && Math.abs(b - 214) < 8) faded++;
      }}
      return [full, faded]; }})()"""
    return tab.run(count)


def test_what_is_not_selected_fades_in_every_plot(opened):
    tab = opened()
    other = "report.plots.find(plot => plot.spec.x === 'pc_1')"
    into_view(tab, other)
    full, faded = colours(tab, other)
    assert full > 500
    tab.run(f"(async () => {{ report.state.select([1, 2, 3], false); {FRAME}; {FRAME} }})()")
    fewer, more = colours(tab, other)
    assert 0 < fewer < full / 4
    assert more > faded + 300
    tab.messages[:] = [text for text in tab.messages if "willReadFrequently" not in text]  # of this test


def choose(tab, selector, value):
    element = f"document.querySelector('{selector}')"
    tab.run(f"{element}.value = '{value}'; {element}.dispatchEvent(new Event('change'))")


def test_filters_hold_for_numbers_and_texts_and_can_be_removed(opened):
    tab = opened()
    frame = simulated(COUNT)["predictions"].frame
    choose(tab, "#desk .column", "chronological_age_years")
    tab.run("document.querySelector('#desk .condition input').value = '50'")
    tab.run("document.querySelector('#desk .condition button').click()")
    old = frame["chronological_age_years"] >= 50
    assert tab.run("report.state.counts.shown") == old.sum()
    choose(tab, "#desk .column", "quality")
    options = "[...document.querySelectorAll('#desk .condition option')]"
    tab.run(f"{options}.forEach(option => {{ option.selected = option.text === 'ok'; }})")
    tab.run("document.querySelector('#desk .condition button').click()")
    assert tab.run("report.state.counts.shown") == (old & frame["quality"].eq("ok")).sum()
    tab.run("document.querySelector('#desk .chips button').click()")
    assert tab.run("report.state.counts.shown") == frame["quality"].eq("ok").sum()


def test_names_are_found(opened):
    tab = opened()
    tab.run("document.querySelector('.search').value = '00007_ses-2'")
    tab.run("document.querySelector('.search').dispatchEvent(new Event('input'))")
    assert tab.run("document.querySelectorAll('#scan-table tbody tr').length") == 1


def test_the_table_is_sorted_by_any_column(opened):
    tab = opened()
    choose(tab, ".more-columns", "moca")
    heads = "[...document.querySelectorAll('#scan-table th button')]"
    for _ in range(2):
        tab.run(f"{heads}.at(-1).click()")
    cells = tab.run(
        "[...document.querySelectorAll('#scan-table tbody tr')].map(r => Number(r.lastChild.textContent))"
    )
    expected = simulated(COUNT)["covariates"].frame["moca"].astype(int).sort_values(ascending=False)
    assert cells == expected.tolist()
    assert tab.run("document.querySelector('#scan-table th:last-child').ariaSort") == "descending"


def test_colours_follow_a_column_and_have_a_legend(opened):
    tab = opened()
    choose(tab, "#desk .colour", "site")
    legend = tab.run("document.querySelector('#desk .legend').innerText")
    assert sorted(re.findall(r"site \d", legend)) == sorted(set(simulated(COUNT)["covariates"].frame["site"]))
    choose(tab, "#desk .colour", "chronological_age_years")
    assert "or less" in tab.run("document.querySelector('#desk .legend').innerText")
    choose(tab, "#desk .colour", "visit")  # whole numbers, of which there are few
    assert tab.run("report.state.legend.map(([colour, text]) => text)") == ["1", "2"]


def test_it_is_operated_by_keyboard(opened):
    tab = opened()
    into_view(tab, AGES)
    tab.run(f"({AGES}).host.focus()")
    names = []
    for _ in range(2):
        tab.key("ArrowRight")
        names.append(tab.run("document.querySelector('#tip b').textContent"))
    assert len(set(names)) == 2
    tab.key("Space")
    assert tab.run(SELECTED) == names[-1:]
    tab.key("Escape")
    assert tab.run(SELECTED) == []


def test_a_field_of_the_centiles_selects_its_scans(opened):
    tab = opened()
    tab.run("document.querySelector('.heat').scrollIntoView({block: 'center'})")
    tab.wait("document.querySelector('.heat').width > 300")
    left, top, width = tab.run(
        "(b => [b.left, b.top, b.width])(document.querySelector('.heat').getBoundingClientRect())"
    )
    name = tab.run("JSON.parse(document.querySelector('[data-heat]').dataset.heat)[30]")
    start = left + min(210, width * 0.35)
    place = [start + (left + width - start) * 2.5 / 20, top + 17 * 30.5]
    mouse(tab, "mousePressed", place)
    mouse(tab, "mouseReleased", place)
    values = simulated(COUNT)["centiles"].frame[name]
    assert tab.run("report.state.counts.selected") == values.between(10, 15).sum()


def test_it_is_complete_without_scripts(opened):
    tab = opened(scripts=False)
    texts = tab.run("document.querySelector('main').innerText")
    for words in ("need JavaScript", "Mean absolute error", "sub-00000_ses-1", "Differences between sites"):
        assert words in texts
    assert tab.run(
        "[...document.querySelectorAll('#desk, .plots, .pager')].every(e => !e.getClientRects().length)"
    )


def test_numbers_of_any_magnitude_arrive(opened):
    tab = opened()
    cases = {
        "id": ([1e9 + 1, 9_999_999_999, None], "1000000001"),
        "wide": ([0.1, None, 1e12], "0.1"),
        "huge": ([1e19, 2e19, 3e300], "10000000000000000000"),
        "tiny": ([1e-18, 2e-18, None], "1e-18"),
        "usual": ([-34.5, 20, None], "-34.50"),
    }
    columns = [
        ScanColumn(name, name, "", "", "Scan", pd.Series(cells, dtype=object))
        for name, (cells, _) in cases.items()
    ]
    data = gzip.decompress(base64.b64decode(pack(columns, np.zeros(3, bool), ["a", "b", "c"]).text))
    start = 4 + int.from_bytes(data[:4], "little")
    made = f"new report.state.cohort.constructor({data[4:start].decode()}, {[*data[start:]]})"
    found = tab.run(
        f"(c => c.columns.map(k => [[...c.values(k)].map(v => v === v ? v : null), c.text(k, 0)]))({made})"
    )
    for (values, written), (cells, expected) in zip(found, cases.values(), strict=True):
        assert values == cells
        assert written == expected


def test_what_is_drawn_is_described_and_names_are_unique(opened):
    tab = opened()
    assert (
        tab.run("[...document.querySelectorAll('.canvas')].filter(e => e.firstChild && !e.ariaLabel).length")
        == 0
    )
    assert tab.run(
        "[...document.querySelectorAll('input, select')].every(e => e.labels.length || e.ariaLabel)"
    )
    names = tab.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(names)) == len(names)
    targets = tab.run("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href').slice(1))")
    assert set(targets) <= set(names)


def test_ten_thousand_scans_do_not_freeze_it(tab, folder):
    path = write(folder, 10_000)
    assert path.stat().st_size < 10_000_000
    tab.open(path.as_uri(), 1200, 900)
    tab.wait(READY)
    into_view(tab, AGES)
    timed = f"""(async () => {{ const start = performance.now();
      report.state.select([...Array(1500).keys()].map(i => 5 * i), false); {FRAME};
      return performance.now() - start; }})()"""
    assert min(tab.run(timed) for _ in range(3)) < 1000  # a tenth of it on an idle machine
    assert tab.run("report.state.counts.selected") == 1500
    assert tab.run("document.querySelectorAll('#scan-table tbody tr').length") == 50
    assert tab.messages == []
