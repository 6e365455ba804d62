"use strict";
const all = (where, what) => [...where.querySelectorAll(what)];

// Light and dark.
document.querySelector(".theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

// Tables: a heading sorts, a second time the other way round; empty cells stay last. The field filters.
for (const box of all(document, ".table")) {
  const body = box.querySelector("tbody"), rows = all(body, "tr"), heads = all(box, "th[aria-sort]");
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const up = head.ariaSort !== (head.classList.contains("number") ? "descending" : "ascending");
    const rising = head.classList.contains("number") ? !up : up;
    heads.forEach((one) => { one.ariaSort = "none"; });
    head.ariaSort = rising ? "ascending" : "descending";
    const number = head.classList.contains("number");
    const key = (row) => { const text = row.cells[column].dataset.sort; return number && text !== "" && !isNaN(text) ? Number(text) : text; };
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
      return rising ? order : -order;
    });
    rows.forEach((row) => { row.classList.remove("rule"); body.append(row); });
  }));
  box.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += !row.hidden;
    }
    box.querySelector("output").textContent = words.length ? `${left} of ${rows.length}` : "";
  });
}

// Curves: names hide and show their lines.
for (const button of all(document, ".legend button")) {
  button.addEventListener("click", () => {
    const shown = button.ariaPressed !== "true";
    button.ariaPressed = String(shown);
    all(document, `.panels [data-line="${button.dataset.line}"]`).forEach((line) => line.classList.toggle("off", !shown));
  });
}

// The amplified change is made here, of the two sounds that the page holds.
function samples(audio) {
  const text = atob(audio.src.slice(audio.src.indexOf(",") + 1)), bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  let at = 12, float = false;
  while (view.getUint32(at, false) !== 0x64617461) { // "data"
    if (view.getUint32(at, false) === 0x666d7420) float = view.getUint16(at + 8, true) === 3; // "fmt "
    at += 8 + view.getUint32(at + 4, true);
  }
  const size = view.getUint32(at + 4, true), width = float ? 4 : 2, found = new Float32Array(size / width);
  for (let i = 0; i < found.length; i++) {
    found[i] = float ? view.getFloat32(at + 8 + 4 * i, true) : view.getInt16(at + 8 + 2 * i, true) / 32768;
  }
  return found;
}

function change(before, after, gain) {
  const x = samples(before), y = samples(after), data = new DataView(new ArrayBuffer(44 + 2 * x.length));
  const word = (at, text) => [...text].forEach((sign, i) => data.setUint8(at + i, sign.charCodeAt(0)));
  word(0, "RIFF"); data.setUint32(4, 36 + 2 * x.length, true); word(8, "WAVEfmt "); data.setUint32(16, 16, true);
  data.setUint16(20, 1, true); data.setUint16(22, 1, true); data.setUint32(24, 16000, true); data.setUint32(28, 32000, true);
  data.setUint16(32, 2, true); data.setUint16(34, 16, true); word(36, "data"); data.setUint32(40, 2 * x.length, true);
  for (let i = 0; i < x.length; i++) {
    data.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, gain * (y[i] - x[i])))), true);
  }
  let text = "";
  for (let at = 0; at < data.byteLength; at += 8192) text += String.fromCharCode(...new Uint8Array(data.buffer.slice(at, at + 8192)));
  return `data:audio/wav;base64,${btoa(text)}`;
}

// Players: three sounds, one playhead.
let last = null;
for (const card of all(document, ".card")) {
  const box = card.querySelector(".player");
  if (!box) continue;
  const sounds = all(box, "audio"), radios = all(box, "[role=radio]"), slider = box.querySelector("input"), time = box.querySelector(".time");
  sounds[2].src = change(sounds[0], sounds[1], Number(box.dataset.gain));
  let at = 0;
  const now = () => sounds[at];
  const show = () => {
    const share = now().duration ? now().currentTime / now().duration : 0;
    box.style.setProperty("--p", share);
    if (document.activeElement !== slider) slider.value = 1000 * share;
    time.textContent = `${now().currentTime.toFixed(1)} / ${(now().duration || 0).toFixed(1)} s`;
  };
  const tick = () => { show(); if (!now().paused) requestAnimationFrame(tick); };
  const choose = (number) => {
    const playing = !now().paused, place = now().currentTime;
    now().pause();
    at = number;
    now().currentTime = Math.min(place, now().duration || place);
    radios.forEach((radio, i) => { radio.ariaChecked = String(i === at); radio.tabIndex = i === at ? 0 : -1; });
    if (playing) now().play();
  };
  const seek = (seconds) => { now().currentTime = Math.max(0, Math.min(now().duration - 0.01, seconds)); show(); };
  const toggle = () => {
    if (!now().paused) { now().pause(); return; }
    all(document, "audio").forEach((sound) => sound.pause());
    if (now().ended) now().currentTime = 0;
    now().play();
  };
  const player = { choose, toggle, seek, move: (seconds) => seek(now().currentTime + seconds) };
  for (const sound of sounds) {
    sound.addEventListener("play", () => { last = player; box.classList.add("playing"); tick(); });
    sound.addEventListener("pause", () => { box.classList.toggle("playing", !now().paused); show(); });
    sound.addEventListener("loadedmetadata", show);
  }
  box.querySelector(".play").addEventListener("click", toggle);
  slider.addEventListener("input", () => seek(now().duration * slider.value / 1000));
  radios.forEach((radio, i) => radio.addEventListener("click", () => choose(i)));
  all(box, ".picture").forEach((picture, i) => picture.addEventListener("click", (event) => {
    const edge = picture.getBoundingClientRect();
    choose(i);
    seek(now().duration * (event.clientX - edge.left) / edge.width);
    if (now().paused) toggle();
  }));
  card.addEventListener("focusin", () => { last = player; });
  choose(0);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search]"), sliding = event.target.matches("input[type=range]");
  if (!last || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if ("123".includes(event.key)) last.choose(Number(event.key) - 1);
  else if (event.key === " " && !event.target.matches("button, summary, a")) last.toggle();
  else if (event.key === "ArrowLeft" && !sliding && !event.target.matches(".scroll")) last.move(-0.25);
  else if (event.key === "ArrowRight" && !sliding && !event.target.matches(".scroll")) last.move(0.25);
  else return;
  event.preventDefault();
});
