"use strict";
// Flicker of figures, and the viewer. The report is complete without this script.
(() => {
  const HEADER = 352; // bytes of NIfTI-1 before the data, or before its extension
  const ZERO = 128, FULL = 254, CLEAR = 0.1; // of a map: its 0, its full colour, the share that has none
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  document.documentElement.classList.add("scripted");

  // Figures that alternate: two images of the same slices, or one with and without its contours.
  function withoutContours(image) {
    const [head, text] = image.src.split(/,([^]*)/, 2);
    const plain = image.cloneNode();
    plain.src = head + "," + text.replace(/%3Cg id=%22contours%22[^]*?%3C\/g%3E/, "");
    plain.alt = image.alt + ", without the outline";
    return plain;
  }

  for (const figure of document.querySelectorAll(".flicker")) {
    const images = figure.querySelector(".images");
    const [button, step, shown] = ["alternate", "step", "shown"].map(name => figure.querySelector("." + name));
    const names = figure.dataset.flicker === "pair" ? ["the image", "the template"] : ["with outline", "without outline"];
    let timer = 0;
    let place = 0;
    const show = () => {
      if (images.children.length < 2) images.append(withoutContours(images.children[0]));
      images.classList.add("alternate");
      [...images.children].forEach((image, i) => image.classList.toggle("hidden", i !== place));
      shown.textContent = "Shown: " + names[place];
    };
    const next = () => { place = 1 - place; show(); };
    const stop = () => { clearInterval(timer); timer = 0; button.setAttribute("aria-pressed", "false"); };
    button.hidden = still.matches;
    button.addEventListener("click", () => {
      if (timer) return stop();
      shown.setAttribute("aria-live", "off");
      timer = setInterval(next, 700);
      button.setAttribute("aria-pressed", "true");
      next();
    });
    step.addEventListener("click", () => { stop(); shown.setAttribute("aria-live", "polite"); next(); });
  }

  // The viewer: its code and its image are inflated and run only when it is opened.
  const text = template => template.content.textContent.trim();
  const inflate = base64 => {
    const bytes = Uint8Array.from(atob(base64), sign => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
  let library = null;
  const load = () => library ??= inflate(text(document.getElementById("viewer-code"))).text().then(code => {
    const script = document.createElement("script");
    script.textContent = code;
    document.head.append(script);
    if (!globalThis.niivue) throw new Error("the browser refused its code");
    return globalThis.niivue;
  });

  // One NIfTI file of three dimensions for each image of a file of four.
  function frames(buffer) {
    const view = new DataView(buffer);
    const start = view.getFloat32(108, true);
    const size = [42, 44, 46].reduce((product, at) => product * view.getInt16(at, true), 1);
    return Array.from({ length: view.getInt16(48, true) }, (_, i) => {
      const one = new Uint8Array(HEADER + size);
      one.set(new Uint8Array(buffer, 0, HEADER - 4));
      one.set(new Uint8Array(buffer, start + i * size, size), HEADER);
      new DataView(one.buffer).setInt16(40, 3, true);
      new DataView(one.buffer).setInt16(48, 1, true);
      new DataView(one.buffer).setFloat32(108, HEADER, true);
      return one.buffer;
    });
  }

  // What the extension of the header says of each map of attribution: its title, unit and full value.
  function mapsOf(buffer) {
    const view = new DataView(buffer);
    if (!view.getUint8(HEADER - 4)) return [];
    const json = new TextDecoder().decode(new Uint8Array(buffer, HEADER + 8, view.getInt32(HEADER, true) - 8));
    return JSON.parse(json.replace(/\0+$/, ""));
  }

  // The colours of the figure of attribution: blue lowers, orange raises, nothing is clear.
  function mapColours() {
    const map = { R: [], G: [], B: [], A: [], I: [] };
    for (let value = 0; value < 256; value += 3) {
      const share = (Math.abs(value - ZERO) / (FULL - ZERO) - CLEAR) / (1 - CLEAR);
      const [r, g, b] = value < ZERO ? [86, 180, 233] : [230, 159, 0];
      map.R.push(r); map.G.push(g); map.B.push(b); map.I.push(value);
      map.A.push(Math.round(255 * Math.sqrt(Math.min(1, Math.max(0, share)))));
    }
    return map;
  }

  function amount(value, { unit, full }) {
    const share = (value - ZERO) / (FULL - ZERO);
    return share ? `about ${(share * full).toPrecision(2)} ${unit}` : `within ±${(CLEAR * full).toPrecision(2)} ${unit}`;
  }

  function colourBar(bar, { title, unit, full }) {
    const { R, G, B, A } = mapColours();
    const stops = A.map((alpha, i) => `rgb(${R[i]} ${G[i]} ${B[i]} / ${alpha / 255})`);
    bar.querySelector(".ramp").style.background = `linear-gradient(to right, ${stops.join(", ")}), #5a5a5a`;
    const number = Number(full).toLocaleString("en", { maximumSignificantDigits: 3 });
    bar.querySelector(".lowest").textContent = `\u2212${number}`;
    bar.querySelector(".highest").textContent = `+${number} ${unit}`;
    bar.querySelector(".about").textContent = `${title}: blue lowers, orange raises the prediction`;
  }

  function colormap(labels) {
    const map = { R: [], G: [], B: [], A: [], I: [], labels: [] };
    for (const [code, name, [r, g, b]] of [[0, "", [0, 0, 0]], ...labels]) {
      map.R.push(r); map.G.push(g); map.B.push(b); map.A.push(code ? 255 : 0); map.I.push(code); map.labels.push(name);
    }
    return map;
  }

  async function open(viewer, say) {
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error("this browser has no WebGL 2");
    const [{ Niivue }, buffer] = await Promise.all([
      load(), inflate(text(viewer.querySelector(".volume"))).arrayBuffer(),
    ]);
    viewer.querySelector(".desk").hidden = false;
    const canvas = viewer.querySelector("canvas");
    const nv = new Niivue({
      backColor: [0, 0, 0, 1], isOrientationTextVisible: true, isRadiologicalConvention: false,
      crosshairColor: [1, 0.65, 0, 0.8], crosshairWidth: 0.6, dragAndDropEnabled: false, show3Dcrosshair: true,
      fontColor: [1, 1, 1, 1], fontMinPx: 18,
    });
    await nv.attachToCanvas(canvas);
    const [grey, mask, labels, ...maps] = frames(buffer);
    const about = mapsOf(buffer);
    await nv.loadFromArrayBuffer(grey, "T1w.nii");
    await nv.loadFromArrayBuffer(mask, "mask.nii");
    await nv.loadFromArrayBuffer(labels, "labels.nii");
    const known = JSON.parse(text(document.getElementById("viewer-labels")));
    const names = new Map(known.map(([code, name]) => [code, name]));
    Object.assign(nv.volumes[0], { cal_min: 0, cal_max: 255 });
    nv.setColormap(nv.volumes[1].id, "red");
    nv.volumes[2].setColormapLabel(colormap(known));
    const [plane, overlay, opacity] = ["plane", "overlay", "opacity"].map(name => viewer.querySelector("." + name));
    const bar = viewer.querySelector(".bar");
    nv.addColormap("attribution", mapColours());
    about.forEach(({ title }, i) => overlay.append(new Option(`attribution: ${title}`, i)));
    let map = -1; // that which is loaded
    const draw = () => {
      ["mask", "labels"].forEach((name, i) => nv.setOpacity(i + 1, overlay.value === name ? opacity.value / 100 : 0));
      if (map >= 0) nv.setOpacity(3, Number(overlay.value) === map ? opacity.value / 100 : 0);
    };
    const choose = async () => {
      const wanted = Number(overlay.value); // NaN where no map is
      bar.hidden = true;
      if (wanted in maps && wanted !== map) {
        map = -1;
        if (nv.volumes.length > 3) nv.removeVolumeByIndex(3);
        await nv.loadFromArrayBuffer(maps[wanted], `map-${wanted}.nii`);
        nv.setColormap(nv.volumes[3].id, "attribution");
        Object.assign(nv.volumes[3], { cal_min: 0, cal_max: 255 }); // which a colour map sets from the values
        map = wanted;
      }
      if (wanted === map) {
        colourBar(bar, about[map]);
        bar.hidden = false;
      }
      draw();
      nv.createOnLocationChange();
    };
    const empty = !new Uint8Array(labels, HEADER).some(Boolean);
    overlay.querySelector("[value=labels]").hidden = empty;
    overlay.value = empty ? "mask" : "labels";
    let chosen = Promise.resolve();
    overlay.addEventListener("change", () => { chosen = chosen.then(choose); });
    opacity.addEventListener("input", draw);
    plane.addEventListener("change", () => nv.setSliceType(Number(plane.value)));
    nv.setMultiplanarPadPixels(4);
    nv.setSliceType(3);
    nv.onLocationChange = ({ mm, values }) => {
      const [x, y, z] = [...mm].map(value => value.toFixed(0));
      const label = values[2] && values[2].value ? names.get(values[2].value) : "no label";
      const part = bar.hidden ? "" : `, attribution ${amount(values[3].value, about[map])}`;
      say.textContent = `x ${x}, y ${y}, z ${z} mm: ${label}${part}`;
    };
    const moves = {
      ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1],
      PageUp: [0, 1, 0], PageDown: [0, -1, 0],
    };
    canvas.addEventListener("keydown", event => {
      if (!(event.key in moves)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      nv.moveCrosshairInVox(...moves[event.key]);
    }, true);
    draw();
    nv.createOnLocationChange();
    canvas.focus();
    viewer.dataset.ready = "true";
  }

  for (const viewer of document.querySelectorAll(".viewer")) {
    const [button, error, say] = ["open", "error", "place"].map(name => viewer.querySelector("." + name));
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await open(viewer, say);
        button.parentElement.hidden = true;
      } catch (reason) {
        error.hidden = false;
        error.textContent = `The viewer cannot be opened: ${reason.message}. The figures below need none.`;
      }
    });
  }
})();
